"""Every promise of SECURITY.md: its id, and the tests that hold it.

A promise that no test holds has no place in SECURITY.md. `tests/contract/test_documents.py`
compares the two, and looks whether the tests exist.
"""

from typing import Final

CANARY: Final = "tests/system/test_canary.py"
CANARY_MD5: Final = "tests/system/test_canary_md5.py"
CANARY_DYNAMIC: Final = "tests/system/test_canary_dynamic.py"
CUTTING: Final = "tests/unit/broker/test_cutting.py"
CUTTING_ARGUMENTS: Final = "tests/unit/broker/test_cutting_arguments.py"
DYNAMIC: Final = "tests/unit/vault/test_dynamic.py"
TARGETS: Final = "tests/unit/vault/test_targets.py"
PLAN: Final = "tests/unit/supervisor/test_plan.py"
CANARY_LAUNCH: Final = "tests/system/test_canary_launch.py"
READ_ONLY: Final = "tests/unit/executor/test_read_only_server.py"
READ_ONLY_SYSTEM: Final = "tests/system/test_read_only.py"
CLEANING: Final = "tests/unit/executor/test_cleaning.py"
SANDBOX: Final = "tests/unit/executor/test_sandbox.py"
JOURNEY: Final = "tests/system/test_journey.py"
ATTACKERS: Final = "tests/system/test_attackers.py"
ISOLATION: Final = "tests/system/test_isolation.py"
KILLS: Final = "tests/faults/test_kills.py"
EXECUTOR_KILLED: Final = "tests/faults/test_executor_killed.py"
OTHERS_KILLED: Final = "tests/faults/test_others_killed.py"
DEADLINE: Final = "tests/faults/test_deadline.py"
TAKEOUT: Final = "tests/unit/console/test_takeout.py"
LAUNCH: Final = "tests/unit/scripts/test_launch.py"
PROVE: Final = "tests/unit/console/test_prove.py"
REPORT: Final = "tests/unit/console/test_scan_report.py"
LOGIN: Final = "tests/unit/vault/test_postgres_login.py"
ROGUES: Final = "tests/unit/vault/test_postgres_rogues.py"
MINIMUMS: Final = "tests/unit/vault/test_login_minimums.py"
CLEARTEXT: Final = "tests/unit/vault/test_login_cleartext.py"
WEAKER: Final = "tests/unit/vault/test_login_weaker.py"
GRANTS: Final = "tests/unit/vault/test_grants.py"
SCRAM: Final = "tests/unit/vault/test_scram.py"
ROSTER: Final = "tests/unit/broker/test_roster.py"
TOOLS: Final = "tests/unit/broker/test_tools.py"
REFUSALS: Final = "tests/unit/broker/test_refusals.py"
ROUTER: Final = "tests/unit/broker/test_router.py"
HTTP: Final = "tests/unit/broker/test_http_connection.py"
STDIO: Final = "tests/unit/broker/test_stdio.py"
STDIO_LIMITS: Final = "tests/unit/broker/test_stdio_limits.py"
CONSOLE_SOCKET: Final = "tests/unit/supervisor/test_console_socket.py"
ATTEMPTS: Final = "tests/unit/vault/test_attempts.py"
LOANS: Final = "tests/unit/vault/test_loans.py"
LEASES: Final = "tests/unit/vault/test_leases.py"
LOGS: Final = "tests/system/test_logs.py"
CANARIES: Final = "tests/unit/harness/test_canaries.py"
SQLITE_READ_ONLY: Final = "tests/unit/executor/test_sqlite_read_only.py"
SQLITE_FENCES: Final = "tests/unit/executor/test_sqlite_fences.py"
SQLITE_OPENING: Final = "tests/unit/executor/test_sqlite_opening.py"
LOG_LINES: Final = "tests/unit/supervisor/test_log_lines.py"

_NOWHERE: Final = (
    f"{CANARY}::test_after_all_that_can_happen_the_password_and_its_derivatives_are_nowhere"
)
_NOWHERE_FROM_THE_SCRIPT_ON: Final = (
    f"{CANARY_LAUNCH}"
    "::test_after_a_start_by_the_script_the_password_and_its_derivatives_are_nowhere"
)
_LOST_WRITE: Final = (
    f"{EXECUTOR_KILLED}::test_a_write_that_was_running_is_reported_lost_and_never_run_again"
)

CLAIMS: Final[dict[str, tuple[str, ...]]] = {
    "C1": (
        _NOWHERE,
        _NOWHERE_FROM_THE_SCRIPT_ON,
        f"{CANARY}::test_a_client_on_standard_streams_gets_no_password_either",
        "tests/unit/vault/test_stack.py::test_nothing_of_a_password_is_left_on_the_stack",
        "tests/system/test_canary_tls.py::test_after_all_that_can_happen_no_relay_holds_the_password",
        "tests/system/test_canary_tls.py::test_after_all_that_can_happen_the_clients_private_key_is_nowhere",
        "tests/system/test_canary_mysql.py::test_on_mariadb_after_all_that_can_happen_password_and_hashes_are_nowhere",
        "tests/system/test_canary_mysql.py::test_on_mysql_after_short_and_long_logins_password_and_hashes_are_nowhere",
    ),
    "C2": (
        f"{CANARY_MD5}::test_neither_password_nor_stored_hash_nor_answer_is_in_any_process",
        _NOWHERE,
        _NOWHERE_FROM_THE_SCRIPT_ON,
        "tests/system/test_canary_mysql.py::test_on_mariadb_after_all_that_can_happen_password_and_hashes_are_nowhere",
        "tests/system/test_canary_mysql.py::test_on_mysql_after_short_and_long_logins_password_and_hashes_are_nowhere",
    ),
    "C3": (
        f"{CANARY}::test_the_scan_finds_the_password_where_it_is_planted",
        f"{PROVE}::test_a_secret_of_any_kind_is_found_in_a_process_that_holds_it",
    ),
    "C4": (
        f"{PROVE}::test_the_positive_control_finds_every_spelling_in_every_place",
        f"{PROVE}::test_a_control_that_finds_less_than_was_planted_makes_the_proof_incomplete",
        f"{REPORT}::test_the_verdict_follows_from_hits_and_gaps",
    ),
    "C5": (
        f"{TAKEOUT}::test_a_taken_password_is_nowhere_in_the_memory_or_environment_of_the_process",
        f"{LAUNCH}::test_the_options_reach_up_word_for_word_and_the_credentials_only_by_descriptor",
        f"{CANARY_LAUNCH}::test_a_script_that_still_installs_holds_the_password_in_its_memory_file_only",
    ),
    "C6": (
        f"{LOGIN}::test_the_password_is_zeros_after_the_login_whatever_came_of_it",
        f"{SCRAM}::test_the_password_is_zeros_after_the_second_message_whatever_came_of_it",
        f"{CLEARTEXT}::test_the_message_with_the_password_is_overwritten_once_it_is_sent",
    ),
    "C7": (f"{TOOLS}::test_connect_storage_repeats_nothing_that_it_is_given",),
    "C8": (
        f"{ROGUES}::test_a_server_that_asks_for_less_gets_nothing_but_the_start_up_message",
        f"{ROGUES}::test_a_server_that_goes_astray_after_its_offer_gets_no_proof",
        f"{MINIMUMS}::test_whatever_a_server_says_it_gets_no_more_than_the_terms_allow",
        f"{MINIMUMS}::test_a_stronger_minimum_never_allows_what_a_weaker_one_refuses",
        f"{WEAKER}::test_a_server_that_asks_for_the_password_itself_gets_not_a_byte_of_it",
        f"{WEAKER}::test_a_server_that_asks_for_nothing_is_refused_under_every_minimum",
        "tests/unit/vault/test_mysql_minimums.py::test_whatever_a_server_says_it_gets_no_more_than_the_terms_allow",
        "tests/unit/vault/test_mysql_password_itself.py::test_tls_that_verified_nobody_never_carries_the_password",
        "tests/unit/vault/test_mysql_password_itself.py::test_the_password_never_goes_in_the_open",
        "tests/unit/vault/test_tls_postgres.py::test_the_password_itself_goes_only_to_a_verified_server",
        "tests/unit/vault/test_rogue_servers.py::test_a_rogue_postgresql_server_gets_no_session_and_nothing_of_the_password",
        "tests/unit/vault/test_rogue_servers.py::test_a_rogue_mysql_server_gets_no_session_and_nothing_of_the_password",
    ),
    "C9": (f"{ROGUES}::test_a_server_that_does_not_prove_itself_gets_no_session",),
    "C10": (
        f"{LOGIN}::test_of_an_error_only_the_sqlstate_is_kept",
        f"{LOGIN}::test_what_does_not_look_like_a_sqlstate_is_dropped",
        "tests/system/test_rogue_system.py::test_a_liar_is_told_nothing_and_told_of_to_the_operator_alone",
        "tests/system/test_rogue_system.py::test_what_a_server_says_of_an_error_comes_to_the_operator_as_its_number",
    ),
    "C11": (
        f"{ATTACKERS}::test_somebody_elses_id_is_worth_as_much_as_one_that_never_was",
        f"{ATTACKERS}::test_a_revoked_id_is_worth_nothing",
        f"{ATTACKERS}::test_an_expired_id_is_worth_nothing_and_its_sessions_are_gone",
        f"{TOOLS}::test_a_malformed_connection_id_gets_the_answer_of_an_unknown_one",
    ),
    "C12": (
        f"{REFUSALS}::test_without_the_token_nothing_is_answered_and_the_challenge_is_given",
        f"{REFUSALS}::test_a_page_from_elsewhere_does_not_get_in_even_where_no_token_is_asked_for",
    ),
    "C13": (
        f"{READ_ONLY}::test_without_the_guard_the_transaction_holds_a_read_only_lease",
        f"{READ_ONLY}::test_without_the_transaction_the_guard_holds_a_read_only_lease",
        f"{READ_ONLY}::test_whatever_writes_on_the_server_is_refused_by_the_guard",
        f"{READ_ONLY_SYSTEM}::test_what_could_write_is_refused_with_a_reason_before_it_is_sent",
        f"{JOURNEY}::test_writes_are_kept_and_a_read_only_connection_cannot_write",
        f"{JOURNEY}::test_one_statement_at_a_time_and_no_transaction_control",
        "tests/unit/executor/test_guard_mysql_server.py::test_without_the_guard_the_transaction_holds_what_writes",
        "tests/unit/executor/test_guard_mysql.py::test_what_does_more_than_read_is_refused_on_a_read_only_lease",
    ),
    "C14": (
        f"{JOURNEY}::test_nothing_of_one_use_shows_in_the_next",
        f"{CLEANING}::test_a_result_that_cannot_be_written_down_leaves_nothing_for_the_next",
        f"{CLEANING}::test_a_connection_that_nobody_gave_back_is_closed_and_not_handed_out",
        "tests/system/test_reuse.py::test_nothing_of_one_use_shows_in_the_next",
        "tests/system/test_reuse.py::test_two_principals_never_have_a_session_between_them",
    ),
    "C15": (
        f"{TOOLS}::test_no_refusal_quotes_a_name_or_a_value",
        f"{REFUSALS}::test_what_is_malformed_gets_a_json_rpc_error_that_quotes_nothing",
        f"{REFUSALS}::test_no_error_quotes_a_method_a_parameter_or_a_version",
        f"{STDIO}::test_no_error_over_stdio_quotes_a_method_or_a_parameter",
    ),
    "C16": (
        f"{DEADLINE}::test_a_statement_that_is_too_slow_ends_on_the_server",
        f"{DEADLINE}::test_a_client_that_goes_away_ends_its_statement",
        "tests/system/test_cancellation_everywhere.py::test_at_the_deadline_the_statement_ends_at_the_database",
        "tests/system/test_cancellation_everywhere.py::test_a_cancelled_notification_ends_the_statement_at_the_database",
        "tests/system/test_cancellation_everywhere.py::test_a_client_that_disconnects_ends_its_statement_at_the_database",
    ),
    "C17": (
        f"{ROSTER}::test_a_key_may_connect_from_its_joining_to_its_leaving",
        f"{ROSTER}::test_a_key_holds_its_own_identity_and_no_other",
        f"{ROUTER}::test_a_gateway_cannot_ask_as_anybody_but_its_own_principal",
        f"{CONSOLE_SOCKET}::test_a_process_of_ours_is_not",
    ),
    "C18": (
        f"{GRANTS}::test_a_grant_with_any_byte_changed_is_forged",
        f"{GRANTS}::test_a_grant_is_worth_nothing_to_another_executor",
        f"{GRANTS}::test_a_grant_is_refused_from_the_moment_it_expires",
    ),
    "C19": (
        f"{ISOLATION}::test_a_process_loads_nothing_that_it_must_not_have",
        f"{ISOLATION}::test_the_supervisor_loads_nothing_that_it_must_not_have",
        f"{ATTACKERS}::test_folders_planted_in_the_working_directory_are_not_imported",
    ),
    "C20": (
        f"{ISOLATION}::test_an_executor_is_confined",
        f"{SANDBOX}::test_a_confined_executor_cannot",
    ),
    "C21": (
        _LOST_WRITE,
        f"{OTHERS_KILLED}::test_the_router_takes_what_was_in_flight_with_it_and_says_so",
    ),
    "C22": (
        _LOST_WRITE,
        "tests/faults/test_mysql_killed.py::test_what_a_killed_executor_had_borrowed_ends_at_the_server_with_what_it_held",
    ),
    "C23": (f"{KILLS}::test_any_process_may_die_and_the_same_id_goes_on",),
    "C24": (
        f"{OTHERS_KILLED}::test_nothing_survives_the_supervisor",
        "tests/faults/test_relay_killed.py::test_no_relay_is_left_when_the_supervisor_dies",
    ),
    "C25": (
        f"{ATTEMPTS}::test_a_credential_is_tried_by_one_login_at_a_time_until_it_has_worked",
        f"{ATTEMPTS}::test_a_credential_may_be_tried_until_it_was_refused_three_times",
    ),
    "C26": (
        f"{LOANS}::test_one_principal_cannot_take_what_others_may_want",
        f"{LOANS}::test_all_loans_together_have_a_limit",
        f"{LEASES}::test_a_principal_with_too_many_leases_gets_no_other_and_others_do",
    ),
    "C27": (
        f"{HTTP}::test_strangers_who_fill_the_room_keep_nobody_out",
        f"{HTTP}::test_who_was_admitted_stays_when_strangers_come",
    ),
    "C28": (
        f"{HTTP}::test_an_answer_that_nobody_reads_ends_the_connection",
        f"{HTTP}::test_the_slowest_readers_are_cut_off_for_what_others_have_asked",
        f"{STDIO_LIMITS}::test_a_client_that_does_not_read_is_not_read_from_and_loses_nothing",
    ),
    "C29": (
        f"{LOGS}::test_nothing_that_clients_send_or_databases_say_is_in_the_log",
        f"{CANARIES}::test_a_session_that_logs_a_secret_fails_though_its_tests_pass",
        "tests/unit/wire/test_logs.py::test_what_is_no_scalar_does_not_type_check",
    ),
    "C30": (
        f"{LOGS}::test_what_a_process_writes_is_stamped_with_its_own_name",
        f"{LOG_LINES}::test_what_is_no_event_of_ours_is_told_by_its_size",
    ),
    "C31": (
        f"{SQLITE_READ_ONLY}::test_without_the_guard_a_reader_still_cannot",
        f"{SQLITE_READ_ONLY}::test_without_the_guard_nobody_reaches_what_is_the_operators",
        "tests/system/test_sqlite.py::test_a_reader_of_a_file_cannot_write",
    ),
    "C32": (
        f"{SQLITE_FENCES}::test_a_file_executor_reaches_nothing_but_its_files",
        f"{SQLITE_FENCES}::test_a_file_executor_writes_where_a_file_is_read_write_only",
        f"{SQLITE_OPENING}::test_a_directory_that_became_a_link_out_is_not_followed",
    ),
    "C33": (
        f"{CANARY_DYNAMIC}::test_over_http_it_is_nowhere_right_after_the_answer_nor_later",
        f"{CANARY_DYNAMIC}::test_over_standard_streams_it_is_nowhere_right_after_the_answer_nor_later",
        f"{CANARY_DYNAMIC}::test_what_is_wrong_with_a_call_leaves_nothing_of_it_either",
        f"{CUTTING}::test_however_a_call_is_written_nothing_of_its_password_is_left",
        f"{CUTTING}::test_what_is_in_a_wrong_place_or_of_a_wrong_kind_is_cut_too",
        f"{CUTTING}::test_what_could_have_been_meant_as_a_call_is_cut",
        f"{CUTTING_ARGUMENTS}::test_a_password_in_another_argument_is_cut_with_it",
        f"{STDIO}::test_nothing_of_a_line_is_left_while_the_next_one_is_waited_for",
    ),
    "C34": (
        f"{DYNAMIC}::test_what_was_sealed_for_another_destination_does_not_open",
        f"{DYNAMIC}::test_what_was_sealed_for_another_principal_does_not_open",
        f"{DYNAMIC}::test_what_was_opened_does_not_open_again",
        f"{PLAN}::test_nobody_but_the_vault_names_a_key_to_seal_to",
    ),
    "C35": (
        f"{TARGETS}::test_what_is_never_a_database_is_refused_whatever_the_list_says",
        f"{TARGETS}::test_no_spelling_of_what_is_never_a_database_gets_past",
        f"{TARGETS}::test_an_address_is_allowed_by_the_networks_that_have_it_only",
        f"{TARGETS}::test_what_is_neither_a_name_nor_an_address_plainly_written_is_refused",
        f"{DYNAMIC}::test_a_name_is_checked_by_the_addresses_that_it_has",
    ),
    "C36": (
        f"{DYNAMIC}::test_wrong_passwords_of_one_account_are_soon_not_tried_and_its_lease_goes_on",
        f"{DYNAMIC}::test_in_no_spelling_and_by_no_two_clients_is_an_account_refused_more_than_three_times",
        f"{DYNAMIC}::test_wrong_passwords_that_come_at_once_are_three_too_though_a_right_one_came_before",
        f"{DYNAMIC}::test_one_client_cannot_find_out_which_ports_are_open",
        f"{DYNAMIC}::test_two_clients_never_share_a_pool_nor_does_one_with_itself",
    ),
    "C37": (
        "tests/unit/vault/test_tls.py::test_a_bad_certificate_is_refused_by_name_of_what_is_wrong",
        "tests/unit/vault/test_rogue_servers.py::test_where_there_is_no_tls_nothing_but_the_request_for_it_is_said",
        "tests/unit/vault/test_tls_rogues.py::test_bytes_before_tls_are_no_beginning_of_it",
        "tests/unit/vault/test_mysql_greetings.py::test_a_server_without_tls_is_not_talked_to_in_the_open_instead",
        "tests/unit/vault/test_tls_postgres.py::test_a_certificate_without_a_hash_is_used_unless_binding_is_required",
    ),
    "C38": (
        "tests/unit/vault/test_relay_life.py::test_a_relay_has_its_two_sides_and_the_death_pipe_and_nothing_else",
        "tests/unit/vault/test_relay_life.py::test_a_relay_ends_with_its_executor_and_the_session_with_both",
        "tests/unit/vault/test_relay_life.py::test_a_relay_ends_with_its_server",
        "tests/unit/vault/test_relay_life.py::test_a_relay_ends_with_the_supervisor",
    ),
    "C39": (
        "tests/unit/executor/test_mysql_literals.py::test_a_hostile_text_is_that_text_and_nothing_else_on_a_real_server",
        "tests/unit/executor/test_mysql_literals.py::test_a_value_is_a_literal_of_its_kind",
    ),
}
