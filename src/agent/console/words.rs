//! All words of the console: one struct, of which each language makes one value.
//!
//! A page that names a word that is not there, a language without one, and a sentence without what
//! is filled into it do not compile. A word without places to fill is a field; one with places is
//! a method that takes what stands in each.

use std::fmt::{self, Display};

/// Declares the words once: sections, the words of each, and what is filled into a word.
macro_rules! words {
    ($($(#[doc = $doc:literal])+ $section:ident: $Section:ident {
        $($word:ident $(($($place:ident),+))?,)+
    })+) => {
        /// All words of one language.
        pub(crate) struct Words {
            $($(#[doc = $doc])+ pub(crate) $section: $Section,)+
        }

        $(
            $(#[doc = $doc])+
            pub(crate) struct $Section {
                $(pub(crate) $word: word!($(($($place)+))?),)+
            }

            impl $Section {
                $($(
                    pub(crate) fn $word(&self, $($place: impl Display),+) -> Filled {
                        let values = vec![$((stringify!($place), $place.to_string())),+];
                        Filled { sentence: self.$word.0, values }
                    }
                )?)+
            }
        )+

        #[cfg(test)]
        impl Words {
            /// Each word with its name, its text, and the places in it.
            fn all(&self) -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
                vec![$($((
                    concat!(stringify!($section), ".", stringify!($word)),
                    tests::Word::text(&self.$section.$word),
                    vec![$($(stringify!($place)),+)?],
                ),)+)+]
            }
        }
    };
}

/// The type of a word: a text, or a sentence with places.
macro_rules! word {
    () => { &'static str };
    (($($place:ident)+)) => { Sentence };
}

/// A sentence with places, each named in braces. It cannot be shown before they are filled.
pub(crate) struct Sentence(pub(super) &'static str);

/// A sentence and what is filled into it. Shown, it is plain text: a page escapes it as any other.
pub(crate) struct Filled {
    sentence: &'static str,
    values: Vec<(&'static str, String)>,
}

impl Filled {
    /// The sentence as HTML, with what is filled in emphasised.
    pub(crate) fn strong(&self) -> String {
        let mut html = String::new();
        for part in self.parts() {
            match part {
                Part::Said(text) => html.push_str(&escaped(text)),
                Part::Value(value) => {
                    html.push_str("<strong>");
                    html.push_str(&escaped(value));
                    html.push_str("</strong>");
                }
            }
        }
        html
    }

    /// The sentence in pieces. What is filled in is never read for places itself.
    fn parts(&self) -> Vec<Part<'_>> {
        let (mut parts, mut rest) = (Vec::new(), self.sentence);
        while let Some((before, (place, after))) = rest
            .split_once('{')
            .and_then(|(before, after)| Some((before, after.split_once('}')?)))
        {
            parts.push(Part::Said(before));
            let value = self.values.iter().find(|(name, _)| *name == place);
            parts.extend(value.map(|(_, value)| Part::Value(value)));
            rest = after;
        }
        parts.push(Part::Said(rest));
        parts
    }
}

enum Part<'a> {
    Said(&'static str),
    Value(&'a str),
}

impl Display for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().into_iter().try_for_each(|part| match part {
            Part::Said(text) | Part::Value(text) => f.write_str(text),
        })
    }
}

/// Text as HTML, in an element or in a quoted attribute.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

words! {
    /// The frame around every page.
    frame: Frame {
        skip, main, devices, sign_ins, activity, find, fleet, links, audit, operator(account),
        sign_out, until(time), stay, other_language, problem, cancel, back, needs_script, zone,
    }
    /// The page that a one-time link opens.
    link: Link { title, lead, code, code_hint, go, refused, }
    /// Every way to sign in, and the confirmation.
    sign_in: SignIn {
        title, to(service), asks(service), as_account(account), account, account_hint, go_on, key,
        or_code, code, code_hint, go, pair, pair_hint, single, lost, keys_only, refused,
        wait(time), done, on(service), stopped, stopped_why, ended, operator,
        api_key, api_key_hint, prove, prove_lead, confirm,
    }
    /// Two codes in a row, wherever they are asked for.
    codes: Codes {
        first, next, first_hint, next_hint(seconds), live(seconds), not_a_code, same, refused,
    }
    /// The list of devices, and the kinds.
    devices: Devices {
        title, safe, one_left(name), none, manage, resync, attention, drifted(name, drift),
        codes_low_one, codes_low(count), codes_none, ruler, our_clock, last_used(time),
        never_used, added(date), lost, app, token, key, passkey, recovery, recovery_kind,
    }
    /// State of a device, and of its clock.
    state: State {
        active, pending, waiting(time), locked, disabled, unassigned, on_time, fast(amount),
        slow(amount), gains(seconds), loses(seconds), leaves_one, leaves(weeks),
        accepted(from, to), phishing_resistant, codes_left(count, total), seconds(s),
        minutes(m, s), hours(h, m),
    }
    /// The pages that add a device.
    add: Add {
        title, app, app_hint, key, key_hint, token, token_hint, recovery, recovery_hint,
        app_title, app_lead, scan, scan_how, qr, open_app, no_camera, secret,
        secret_hint(kind, digits, period), time_based, name, name_hint, two,
        two_why, go_app, activate_title(name), activate, key_title, key_lead, start,
        touch, no_answer, known, not_accepted, token_title, token_lead, serial, serial_hint,
        go_token, no_such_token, ready(name), full,
    }
    /// The page of one device, and what changes it.
    device: Device {
        serial, codes, codes_of(digits, period, algorithm), counter_codes_of(digits, algorithm),
        state, history, no_history, test, test_title(name), test_lead,
        test_lead_key, works, rename, renamed, deactivate, remove, deactivate_title(name),
        deactivate_why, deactivated(name), remove_title(name), remove_why, removed(name), keep,
        last,
    }
    /// The page that finds the clock of a device again.
    resync: Resync {
        title(name), lead, lead_counter, seen(drift, time), help, help_follow, help_phone,
        help_far(minutes, serial), help_empty, other_way, done(name), now(drift), now_on_time,
        now_counter, used, jumped(before),
    }
    /// Recovery codes.
    recovery: Recovery {
        title, lead, left_none, left_one, left(count), make, make_why, yours, keep, download,
        print, saved, file_lead(account),
    }
    /// The list of sign-ins.
    sign_ins: SignIns {
        title, lead, none, this, console, made(device, time, until), used(device, time, caller),
        end_this, end_that(device, time), ended, everywhere, everywhere_title,
        everywhere_why,
    }
    /// The log of the account, for its owner.
    activity: Activity { title, lead, none,  }
    /// The page for a lost device.
    lost: Lost { title, other, recovery, neither, help(help), which, go, stolen, }
    /// The operator's pages.
    operator: Operator {
        find, query, search, results, no_results(query), attention, nothing,
        help, unlock, unlocked, refused_until(time), locked, enrolment_link, recovery_link,
        recovery_why, link, link_once(time), links, no_links, made_by, expires, recover, account,
        device, withdraw, withdrawn, no_devices, drift, when, what, through, older, number,
        resync_wide,
    }
    /// The operator's page of all tokens.
    fleet: Fleet {
        title, server(amount, time), empty, ahead(share), behind(share),
        on_time(share), tokens, histogram(low, high), offset, look,
        serial, why, until, failing_rate, failing_settings,
        failing_erratic, needs_pair, outlier, battery, silent,
    }
    /// The operator's audit page.
    audit: Audit { title, whole(count), broken(number), }
    /// Names of charts, and sentences that stand for them.
    chart: Chart {
        region(name), steady, set_anew(date), now_line,
    }
    /// Pages that stop.
    stop: Stop {
        foreign, foreign_why, missing, missing_why, broken, broken_why, away, away_why, slow,
        slow_why(time), method, method_why,
    }
    /// Days and months.
    date: Date {
        today(time), yesterday(time), day(day, month, year), day_time(date, time), months,
        short_months, short_day(day, month),
    }
    /// Audit events, as they are told.
    event: EventWords {
        access_key_activated, access_key_deactivated, access_key_deleted, access_key_made,
        account_added, account_removed, account_throttled, activation_refused, api_key_made,
        api_key_revoked, audit_broken, audit_checkpoint, audit_closed, bypass_accepted,
        bypass_made, clock_accepted,
        clock_stepped, code_accepted, code_not_judged, code_refused, device_activated, device_added,
        device_assigned, device_deactivated, device_diagnosed, device_expired, device_gave_way,
        device_locked, device_registered, device_removed, device_renamed, device_resynced,
        device_unlocked, device_under_attack, device_wide_resync, devices_exported,
        devices_imported, key_accepted, key_refused, key_sign_count_fell, registration_refused,
        restore_accepted, resync_refused, sealing_keys_resealed, server_clock_suspect,
        server_clock_trusted, session_revoked, session_reused, session_without_mfa,
        sessions_revoked, signing_key_dropped, signing_key_made, store_backed_up, store_restored,
        user_policy_deleted, user_policy_put,
        link_made, link_opened, link_withdrawn, recovery_link_made,
    }
    /// Reasons of refusals, for people who may know them.
    reason: ReasonWords {
        no_match, replayed, throttled, locked, out_of_sync, not_active, unknown_device,
        several_devices, clock_went_back, key_not_registered, no_ceremony, mfa_required,
        too_many_devices, unproved,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::agent::console::language::Language;

    pub(super) trait Word {
        fn text(&self) -> &'static str;
    }

    impl Word for &'static str {
        fn text(&self) -> &'static str {
            self
        }
    }

    impl Word for Sentence {
        fn text(&self) -> &'static str {
            self.0
        }
    }

    /// The places of a text, each once.
    fn places(text: &str) -> BTreeSet<&str> {
        let parts = text.split('{').skip(1);
        parts.map(|part| part.split_once('}').map_or("", |(place, _)| place)).collect()
    }

    #[test]
    fn each_sentence_has_exactly_its_places_in_every_language() {
        for language in Language::ALL {
            for (name, text, declared) in language.words().all() {
                let declared = BTreeSet::from_iter(declared);
                assert_eq!(places(text), declared, "{name} in {language:?}: {text}");
            }
        }
    }

    #[test]
    fn words_are_set_as_printed_words_are() {
        for language in Language::ALL {
            for (name, text, _) in language.words().all() {
                assert!(!text.is_empty() && text.trim() == text, "{name} in {language:?}");
                for typed in ["'", "\"", "...", "  ", "--", "<", "&"] {
                    assert!(!text.contains(typed), "{name} in {language:?} has {typed}: {text}");
                }
            }
        }
    }

    #[test]
    fn values_are_not_read_for_places() {
        let filled = Filled {
            sentence: "{name} and {other}.",
            values: vec![("name", "{other}<b>".to_owned()), ("other", "it’s".to_owned())],
        };
        assert_eq!(filled.to_string(), "{other}<b> and it’s.");
        let html = "<strong>{other}&lt;b&gt;</strong> and <strong>it’s</strong>.";
        assert_eq!(filled.strong(), html);
    }

    #[test]
    fn markup_is_escaped_for_elements_and_attributes() {
        assert_eq!(escaped("<a b=\"c\" d='e'>&"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
    }
}
