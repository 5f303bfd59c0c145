"""Functions that do more than read, and what each does; pure.

A closed list cannot be whole: what an extension or a user has written is held by the engine's
transaction alone. Of what comes with PostgreSQL, a test compares every volatile function with it.
"""

from typing import Final

_CHANGES: Final = "changes the database"
_LOCKS: Final = "takes or gives up locks that others wait for"
_SERVER: Final = "acts on the server or on other sessions"
_STRING: Final = "runs SQL that stands in a string, where nobody checks it"
_FILES: Final = "uses the server's files, which are the operator's"
_SETTING: Final = "changes a setting, and the next statement would not see it anyway"
_ELSEWHERE: Final = "opens connections of the server's own, or uses them"

_POSTGRESQL: Final[dict[str, str]] = {
    _CHANGES: """
        nextval setval pg_current_xact_id txid_current pg_nextoid
        lo_creat lo_create lo_from_bytea lo_open lo_put lo_truncate lo_truncate64 lo_unlink lowrite
        brin_desummarize_range brin_summarize_new_values brin_summarize_range gin_clean_pending_list
        pg_import_system_collations pg_clear_attribute_stats pg_clear_relation_stats
        pg_restore_attribute_stats pg_restore_relation_stats pg_stop_making_pinned_objects
        heap_force_freeze heap_force_kill pg_truncate_visibility_map pg_export_snapshot
    """,
    _LOCKS: """
        pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all
        pg_advisory_unlock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared
        pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock
        pg_try_advisory_xact_lock_shared
    """,
    _SERVER: """
        pg_cancel_backend pg_terminate_backend pg_log_backend_memory_contexts pg_notify
        pg_logical_emit_message pg_backup_start pg_backup_stop pg_start_backup pg_stop_backup
        pg_create_restore_point pg_switch_wal pg_promote pg_reload_conf pg_rotate_logfile
        pg_wal_replay_pause pg_wal_replay_resume pg_log_standby_snapshot
        pg_copy_logical_replication_slot pg_copy_physical_replication_slot
        pg_create_logical_replication_slot pg_create_physical_replication_slot
        pg_drop_replication_slot pg_replication_slot_advance pg_sync_replication_slots
        pg_logical_slot_get_binary_changes pg_logical_slot_get_changes
        pg_logical_slot_peek_binary_changes pg_logical_slot_peek_changes
        pg_replication_origin_advance pg_replication_origin_create pg_replication_origin_drop
        pg_replication_origin_session_reset pg_replication_origin_session_setup
        pg_replication_origin_xact_reset pg_replication_origin_xact_setup
        pg_stat_reset pg_stat_reset_backend_stats pg_stat_reset_replication_slot
        pg_stat_reset_shared pg_stat_reset_single_function_counters
        pg_stat_reset_single_table_counters pg_stat_reset_slru pg_stat_reset_subscription_stats
        pg_stat_statements_reset pg_buffercache_evict pg_buffercache_evict_all
        pg_buffercache_evict_relation autoprewarm_dump_now autoprewarm_start_worker
        pg_background_launch
    """,
    _STRING: """
        query_to_xml query_to_xml_and_xmlschema query_to_xmlschema cursor_to_xml
        cursor_to_xmlschema ts_rewrite ts_stat crosstab crosstab2 crosstab3 crosstab4 crosstab_hash
        connectby xpath_table
    """,
    _FILES: """
        lo_import lo_export pg_read_file pg_read_binary_file pg_stat_file pg_ls_dir pg_file_read
        pg_file_write pg_file_rename pg_file_unlink pg_file_sync
    """,
    _SETTING: "set_config isn_weak",
    _ELSEWHERE: """
        dblink dblink_cancel_query dblink_close dblink_connect dblink_connect_u dblink_disconnect
        dblink_exec dblink_fetch dblink_get_result dblink_open dblink_send_query
        postgres_fdw_disconnect postgres_fdw_disconnect_all
    """,
}
_SQLITE_ALWAYS: Final[dict[str, str]] = {
    "loads code or files, which is the operator's to do": """
        load_extension fts3_tokenizer readfile writefile fsdir edit
    """,
    "shows where files are, which is the operator's to know": "pragma_database_list",
}
_SQLITE_WRITES: Final[dict[str, str]] = {_CHANGES: "pragma_optimize"}


def _by_name(groups: dict[str, str]) -> dict[str, str]:
    return {name: does for does, names in groups.items() for name in names.split()}


POSTGRESQL_FUNCTIONS: Final = _by_name(_POSTGRESQL)
"""What no read-only lease may call."""
SQLITE_OPERATORS: Final = _by_name(_SQLITE_ALWAYS)
"""What no lease may use."""
SQLITE_WRITES: Final = _by_name(_SQLITE_WRITES)
"""What no read-only lease may use."""
