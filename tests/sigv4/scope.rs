//! Scope and clock: whose request it is, where, and when.

use std::time::Duration;

use twostep::aws::sigv4::{Malformed, Part, Place, Refusal, Rules, ScopeFault};
use twostep::time::UnixTime;

use super::{NOW, Sent, sts};

#[test]
fn the_scope_is_that_of_the_service_here_and_today() {
    let sent = Sent::plain().signed(&sts(), "sts");
    let refused = |rules: &Rules| match sent.refused(rules) {
        Refusal::Scope(Place::Header, fault) => fault,
        other => panic!("{other}"),
    };
    assert!(sent.verified(&sts().regions(["eu-west-1", "us-east-1"]), NOW).is_ok());
    let one = sts().regions(["eu-west-1"]);
    assert_eq!(refused(&one), ScopeFault::Region(Some("eu-west-1".to_owned())));
    let two = sts().regions(["eu-west-1", "eu-west-2"]);
    assert_eq!(refused(&two), ScopeFault::Region(None));
    assert_eq!(refused(&sts().regions([])), ScopeFault::Region(None));
    let iam = Rules::service("iam").unwrap();
    assert_eq!(refused(&iam), ScopeFault::Service("iam".to_owned()));

    let other = sent.clone().replacing("aws4_request", "aws5_request").refused(&sts());
    assert_eq!(other, Refusal::Scope(Place::Header, ScopeFault::Terminator));
    let day = "20150831".parse().unwrap();
    let fault = ScopeFault::Day { scope: day, signed_at: NOW };
    let other = sent.replacing("/20150830/", "/20150831/").refused(&sts());
    assert_eq!(other, Refusal::Scope(Place::Header, fault.clone()));
    let sent = Sent::plain()
        .presigned(&sts(), "sts", 60)
        .replacing("%2F20150830%2F", "%2F20150831%2F");
    assert_eq!(sent.refused(&sts()), Refusal::Scope(Place::Query, fault));
}

#[test]
fn a_scope_of_another_region_or_day_has_another_key() {
    let sent = Sent::plain().signed(&sts(), "sts");
    let other = sent.clone().replacing("us-east-1", "us-east-2");
    assert_eq!(other.refused(&sts()), Refusal::Mismatch);
    let later = sent.replacing("20150830T123600Z", "20150830T123601Z");
    assert_eq!(later.refused(&sts()), Refusal::Mismatch);
}

#[test]
fn clocks_may_differ_by_five_minutes_and_for_s3_by_fifteen() {
    for (rules, service, allowed) in [(sts(), "sts", 300), (Rules::s3(), "s3", 900)] {
        let sent = Sent::plain().signed(&rules, service);
        let allowance = Duration::from_secs(allowed);
        assert_eq!(rules.allowance(), allowance);
        let edge = |seconds: u64| [NOW.0 - seconds, NOW.0 + seconds].map(UnixTime);
        for now in edge(allowed) {
            assert!(sent.verified(&rules, now).is_ok(), "{now}");
        }
        for now in edge(allowed + 1) {
            let refusal = Refusal::Skewed { signed_at: NOW, now, allowance };
            assert_eq!(sent.verified(&rules, now).err(), Some(refusal));
        }
    }
}

#[test]
fn a_presigned_request_lives_as_long_as_it_says() {
    for (rules, service, early) in [(sts(), "sts", 300), (Rules::s3(), "s3", 900)] {
        let sent = Sent::plain().presigned(&rules, service, 60);
        for now in [NOW.0 - early, NOW.0, NOW.0 + 60].map(UnixTime) {
            assert!(sent.verified(&rules, now).is_ok(), "{now}");
        }
        let expired_at = UnixTime(NOW.0 + 60);
        let now = UnixTime(NOW.0 + 61);
        let refusal = Refusal::Expired { expired_at, now };
        assert_eq!(sent.verified(&rules, now).err(), Some(refusal));
        let now = UnixTime(NOW.0 - early - 1);
        let refused = sent.verified(&rules, now).err();
        assert!(matches!(refused, Some(Refusal::Skewed { .. })), "{refused:?}");
    }
    let week = Sent::plain().presigned(&sts(), "sts", 604_800);
    assert!(week.verified(&sts(), UnixTime(NOW.0 + 604_800)).is_ok());
}

#[test]
fn a_lifetime_is_one_second_to_seven_days() {
    let sent = Sent::plain().presigned(&sts(), "sts", 60);
    let fault = Refusal::Malformed(Place::Query, Malformed::Invalid(Part::Expires));
    for text in ["0", "604801", "", "-1", "%2B60", "60.0", "1e3", "18446744073709551616"] {
        let other = sent.clone().replacing("Expires=60&", &format!("Expires={text}&"));
        assert_eq!(other.refused(&sts()), fault, "{text}");
    }
    // Within the range it is another request.
    let other = sent.replacing("Expires=60&", "Expires=604800&");
    assert_eq!(other.refused(&sts()), Refusal::Mismatch);
}
