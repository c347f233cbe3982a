//! Functions and files beyond the limits, each with its reason.

/// Functions of more than 60 lines or five parameters.
pub(crate) const LARGE: &[(&str, &str)] = &[
    ("tests/api/authz.rs::a_browser_signs_in_and_returns_to_our_origins", STORY),
    ("tests/api/canary.rs::journey", STORY),
    (
        "tests/api/contract.rs::exactly_the_routes_statuses_and_codes_of_the_contract_are_seen",
        STORY,
    ),
    ("tests/api/contract.rs::what_is_refused_by_its_state", STORY),
    ("tests/api/full_disk.rs::a_full_disk_refuses_and_refused_codes_work_again_with_room", STORY),
    ("tests/api/journey.rs::the_whole_journey", STORY),
    ("tests/api/names.rs::names_that_are_folded_are_one_account_on_every_way_in", STORY),
    ("tests/api/protected.rs::a_protected_account_changes_with_a_fresh_context_of_its_own", STORY),
    ("tests/api/proxies.rs::journey", STORY),
    ("tests/api/roles.rs::accounts_beyond_a_keys_scope_do_not_exist_for_it", STORY),
    ("tests/api/roles.rs::why_is_told_to_those_who_may_know", STORY),
    ("tests/api/security_keys.rs::a_key_is_enrolled_and_opens_a_session", STORY),
    ("tests/api/security_keys.rs::the_fault_of_a_key_is_told_to_callers_with_explain", STORY),
    ("tests/aws_wire/devices.rs::a_virtual_device_lives_from_its_making_to_its_deletion", STORY),
    ("tests/session/age.rs::go_through", STORY),
    ("tests/session/feed.rs::happens", STORY),
    ("tests/session/feed.rs::the_list_is_signed_anonymous_and_forgets_expired_contexts", STORY),
    ("tests/session/interop.rs::joserfc_reads_our_contexts_and_refuses_tampered_ones", STORY),
    ("tests/session/revocation.rs::contexts_end_by_account_by_device_by_time_and_by_id", STORY),
    ("tests/session/revocation.rs::revocation_separates_contexts_within_one_second", STORY),
    ("tests/store/backups.rs::a_restored_backup_accepts_nothing_of_before", STORY),
    ("tests/store/imports.rs::measure", STORY),
    (
        "tests/verifier/accounts.rs::an_account_enrolled_again_inherits_nothing_but_revocations",
        STORY,
    ),
    (
        "tests/verifier/ceremony_bounds.rs::an_account_without_a_key_gets_the_same_kind_of_options",
        STORY,
    ),
    ("tests/verifier/clock.rs::a_clock_that_jumped_is_not_believed_until_it_is_back", STORY),
    (
        "tests/verifier/clock.rs::a_synchronised_clocks_step_is_audited_and_no_code_comes_back",
        STORY,
    ),
    ("tests/verifier/devices.rs::a_counter_based_device_is_followed_and_found_again", STORY),
    ("tests/verifier/devices.rs::two_codes_prove_a_device_and_each_code_serves_once", STORY),
    ("tests/verifier/protected.rs::a_proof_ends_with_its_device_and_with_its_session", STORY),
    ("tests/verifier/protected.rs::a_proof_that_ends_before_the_change_changes_nothing", STORY),
    ("tests/verifier/throttle.rs::sixty_wrong_codes_a_day_throttle_codes_and_never_pairs", STORY),
    ("pam/src/key.rs::touch", TABLE),
    ("src/agent/console/happened.rs::action", TABLE),
    ("src/agent/events/kind.rs::of", TABLE),
    ("src/store/sqlite/apply.rs::write", TABLE),
    ("tests/api/authz.rs::a_browser_comes_back_to_a_path_of_any_octets", TABLE),
    ("tests/api/strict.rs::values_out_of_range_are_refused_before_any_look_up", TABLE),
    ("tests/config/mod.rs::a_value_that_cannot_be_meant_is_refused_where_it_stands", TABLE),
    ("tests/session/jwks.rs::not_ours", TABLE),
    ("tests/torture/accidents.rs::suffer", TABLE),
    ("tests/torture/people.rs::verify_with", TABLE),
    ("tests/torture/under.rs::exchange", TABLE),
    ("tests/verifier/faults.rs::done", TABLE),
    ("tests/verifier/one_refusal.rs::classes", TABLE),
    ("tests/webauthn/json.rs::responses_are_read_as_browsers_write_them", TABLE),
    ("tests/webauthn/origins.rs::an_android_app_is_its_certificate_and_nothing_like_it", TABLE),
    ("tests/webauthn/recorded.rs::registrations_of_real_authenticators_are_accepted", TABLE),
    ("tests/webauthn/tpm.rs::step_7_1_22_refuses_a_tpm_statement_with_any_change", TABLE),
    ("tests/webauthn/u2f.rs::answers_cut_anywhere_are_refused", TABLE),
    ("tests/webauthn/unasked.rs::step_7_1_22_an_unrequested_statement_is_ignored", TABLE),
    ("src/store/contract/keys.rs::a_secret_is_resealed_if_it_is_what_it_was", CONTRACT),
    ("src/store/contract/lists.rs::accounts_are_listed_by_name", CONTRACT),
    ("src/store/contract/lists.rs::devices_are_listed_by_serial_number", CONTRACT),
    ("src/otp/totp.rs::find_pair", INPUTS),
    ("tests/torture/people.rs::change", INPUTS),
    ("tests/verifier/model.rs::pair", INPUTS),
    ("tests/verifier/run.rs::concluded", INPUTS),
    ("tests/webauthn/tpm.rs::new", INPUTS),
    ("hw-tests/src/bin/vkey.rs::run", STEPS),
    ("src/webauthn/registration.rs::finish_registration", STEPS),
];

/// Files of more than 450 lines.
pub(crate) const LONG: &[(&str, &str)] = &[
    ("tests/session/feed.rs", SUBJECT),
    ("tests/verifier/faults.rs", SUBJECT),
    ("tests/torture/people.rs", SUBJECT),
    ("tests/usb/waiting.rs", SUBJECT),
    ("tests/api/security_keys.rs", SUBJECT),
    ("tests/api/proxies.rs", SUBJECT),
    ("tests/api/control.rs", SUBJECT),
    ("tests/webauthn/registration.rs", SUBJECT),
    ("tests/webauthn/authentication.rs", SUBJECT),
    ("tests/config/mod.rs", SUBJECT),
    ("tests/store/strays.rs", SUBJECT),
    ("src/agent/console/english.rs", WORDS),
    ("src/agent/console/german.rs", WORDS),
];

const STORY: &str = "one story: each step needs the state that the steps before it made";
const TABLE: &str = "one table of cases, an arm or a row for each";
const CONTRACT: &str = "one rule of the store's contract, read in order";
const INPUTS: &str = "independent inputs of one specified computation";
const WORDS: &str = "all words of one language, a line or two for each";
const STEPS: &str = "the steps of one specification in its order";
const SUBJECT: &str = "one subject with its fixtures, which a second file would have to share";
