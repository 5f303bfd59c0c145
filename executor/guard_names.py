"""Functions that do more than read, and what each does; pure.

A closed list cannot be whole: what an extension or a user has written is held by the engine's
transaction alone. Of what comes with PostgreSQL, a test compares every volatile function with it.
Neither MySQL nor MariaDB says which of their functions are volatile: theirs is from the manuals.
"""

from typing import Final

from executor.guard_words import words_of

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

_MYSQL: Final[dict[str, str]] = {
    _CHANGES: """
        nextval setval lastval last_insert_id version_tokens_set version_tokens_edit
        version_tokens_delete spider_copy_tables spider_flush_table_mon_cache
    """,
    _LOCKS: """
        get_lock release_lock release_all_locks service_get_read_locks service_get_write_locks
        service_release_locks version_tokens_lock_shared version_tokens_lock_exclusive
        version_tokens_unlock
    """,
    "waits for other servers, or burns the time of this one": """
        benchmark master_pos_wait source_pos_wait master_gtid_wait wait_for_executed_gtid_set
        wait_until_sql_thread_after_gtids wsrep_sync_wait_upto_gtid
    """,
    _SERVER: """
        sys_eval sys_exec sys_get sys_set mroonga_command
        asynchronous_connection_failover_add_managed asynchronous_connection_failover_add_source
        asynchronous_connection_failover_delete_managed
        asynchronous_connection_failover_delete_source asynchronous_connection_failover_reset
        group_replication_disable_member_action group_replication_enable_member_action
        group_replication_reset_member_actions group_replication_set_as_primary
        group_replication_set_communication_protocol group_replication_set_write_concurrency
        group_replication_switch_to_multi_primary_mode
        group_replication_switch_to_single_primary_mode
        audit_api_message_emit_udf audit_log_encryption_password_get
        audit_log_encryption_password_set audit_log_filter_flush audit_log_filter_remove_filter
        audit_log_filter_remove_user audit_log_filter_set_filter audit_log_filter_set_user
        audit_log_read audit_log_rotate firewall_group_delist firewall_group_enlist
        flush_rewrite_rules load_rewrite_rules mysql_firewall_flush_status set_firewall_group_mode
        set_firewall_mode gen_dictionary_drop gen_dictionary_load
    """,
    "reveals or changes keys, which are the operator's": """
        keyring_key_fetch keyring_key_generate keyring_key_remove keyring_key_store
    """,
    _FILES: """
        load_file envar json_file jfile_bjson jfile_convert jfile_make jbin_file bson_file
        bfile_convert bfile_make bbin_file
    """,
    _ELSEWHERE: "spider_bg_direct_sql spider_direct_sql spider_ping_table",
}


def _by_name(groups: dict[str, str]) -> dict[str, str]:
    return {name: does for does, names in groups.items() for name in names.split()}


POSTGRESQL_FUNCTIONS: Final = _by_name(_POSTGRESQL)
"""What no read-only lease may call."""
SQLITE_OPERATORS: Final = _by_name(_SQLITE_ALWAYS)
"""What no lease may use."""
SQLITE_WRITES: Final = _by_name(_SQLITE_WRITES)
"""What no read-only lease may use."""
MYSQL_FUNCTIONS: Final = _by_name(_MYSQL)
"""What no read-only lease may call on MySQL or MariaDB, or on neither: they come with plugins."""
MYSQL_FILES: Final = words_of("load_file outfile dumpfile")
"""What no lease may use."""
MYSQL_GRANT_TABLES: Final = words_of("""
    user global_priv db servers password_history slave_master_info proxies_priv roles_mapping
    role_edges default_roles tables_priv columns_priv procs_priv global_grants general_log slow_log
""")
"""Tables of the schema `mysql` with credentials, with what others have sent, or who may do what."""
