//! The contract of every store, as tests that run on any store: `holds(|| async { … }).await`.
//!
//! Each function is one rule, takes an empty store and panics with a sentence if the rule is
//! broken. [`holds`] goes through all of them.

mod devices;
mod imports;
mod keys;
mod lists;
mod many;
mod processes;
mod races;
mod records;
mod removed;
mod sample;
mod stock;
mod unique;

pub use devices::*;
pub use imports::*;
pub use keys::*;
pub use lists::*;
pub use many::*;
pub use processes::*;
pub use races::*;
pub use records::*;
pub use removed::*;
pub use stock::*;
pub use unique::*;

use std::sync::Arc;

use crate::store::Store;

/// Puts a store to every rule, each with a new empty one.
pub async fn holds<S: Store + 'static>(new_store: impl AsyncFn() -> S) {
    changes_hold(&new_store).await;
    records_hold(&new_store).await;
}

async fn changes_hold<S: Store + 'static>(new_store: &impl AsyncFn() -> S) {
    macro_rules! rules {
        ($($rule:ident),* $(,)?) => { $($rule(Arc::new(new_store().await)).await;)* };
    }
    rules!(
        a_change_is_made_whole_or_not_at_all,
        a_change_judged_from_an_old_revision_conflicts,
        revisions_named_by_a_change_are_from_before_it,
        a_refusal_stands_on_the_revision_it_was_judged_from,
        an_account_moves_when_its_devices_do,
        a_serial_number_belongs_to_one_device,
        a_seed_belongs_to_one_device,
        a_device_is_known_by_every_fingerprint_of_its_secret,
        a_credential_belongs_to_one_device,
        a_device_needs_its_account,
        a_device_keeps_its_account,
        a_device_added_again_starts_above_what_was_consumed,
        a_removed_device_leaves_no_revision_behind,
        a_pending_device_is_dropped_and_nothing_of_it_stays,
        one_of_many_changes_judged_alike_is_made,
        changes_of_different_devices_all_succeed,
        a_single_use_item_is_consumed_once,
        one_of_many_devices_gets_a_seed,
        the_first_value_of_a_name_stays,
        the_last_value_that_was_put_stays,
        a_value_is_replaced_if_it_is_what_it_was,
        values_are_listed_by_the_beginnings_of_their_names,
        a_task_is_held_for_as_long_as_its_store_is_open,
    );
}

async fn records_hold<S: Store + 'static>(new_store: &impl AsyncFn() -> S) {
    macro_rules! rules {
        ($($rule:ident),* $(,)?) => { $($rule(Arc::new(new_store().await)).await;)* };
    }
    rules!(
        a_single_use_item_ends_with_its_time,
        a_consumed_item_leaves_a_mark,
        the_newest_items_of_a_kind_stay,
        marks_are_answered_as_the_change_left_them,
        the_control_version_is_answered_with_accounts_and_commits,
        a_revoked_session_stays_revoked,
        what_was_revoked_is_listed_by_its_time,
        revocations_are_counted_and_folded_by_account,
        a_list_of_revocations_has_a_place_among_all,
        lists_of_revocations_grow_with_their_place,
        signing_keys_are_put_and_dropped,
        api_keys_are_put_and_revoked,
        the_control_version_rises_with_every_key,
        a_secret_is_resealed_if_it_is_what_it_was,
        the_highest_time_falls_only_when_accepted,
        audit_rows_are_chained_in_order,
        accounts_are_listed_by_name,
        devices_are_listed_by_serial_number,
        an_import_appears_at_once,
        staged_devices_are_unique_too,
        an_abandoned_import_ends,
        an_imported_device_starts_above_what_was_consumed,
        serial_numbers_of_imports_differ_in_more_than_capitals,
        a_removed_device_that_was_in_use_is_not_staged,
        staged_seeds_are_resealed,
        an_unassigned_device_has_no_owner,
        an_unassigned_device_is_assigned_once,
        an_assigned_device_starts_above_what_was_consumed,
        a_device_is_inserted_without_an_account,
        a_device_is_taken_back_from_its_account_alone,
        the_seed_of_an_unassigned_device_is_resealed,
        a_serial_number_is_found_in_any_spelling,
        devices_are_found_by_kind_use_and_drift,
        single_use_items_are_listed_by_kind_and_account,
        items_go_with_their_time,
        audit_rows_go_from_the_old_end,
    );
}

/// Puts two handles of one store, as two processes have them, to every rule between processes, each
/// with a new empty store.
pub async fn holds_between<S: Store + 'static>(new_pair: impl AsyncFn() -> [S; 2]) {
    macro_rules! rules {
        ($($rule:ident),* $(,)?) => { $(
            let [one, other] = new_pair().await;
            $rule([Arc::new(one), Arc::new(other)]).await;
        )* };
    }
    rules!(
        one_of_two_changes_that_expect_each_other_is_made,
        one_of_two_changes_that_expect_each_others_account_is_made,
        one_of_two_processes_gets_a_seed,
        one_of_two_processes_gets_a_serial_number,
        one_of_two_imports_gets_a_spelling,
        one_of_two_processes_consumes_an_item,
        two_processes_read_what_either_wrote,
    );
}
