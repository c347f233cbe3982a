//! The reads of a store that another store only passes on.

/// Reads of [`Store`](twostep::store::Store), each as `$ask!(self.method(arguments))`.
macro_rules! plain_reads {
    ($ask:ident) => {
        fn owner<'a>(&'a self, serial: &'a SerialNumber) -> Answer<'a, Option<AccountId>> {
            $ask!(self.owner(serial))
        }

        fn unassigned<'a>(&'a self, serial: &'a SerialNumber) -> Answer<'a, Option<Enrolled>> {
            $ask!(self.unassigned(serial))
        }

        fn spelt_alike<'a>(&'a self, serial: &'a SerialNumber) -> Answer<'a, Option<SerialNumber>> {
            $ask!(self.spelt_alike(serial))
        }

        fn owner_by_fingerprint(&self, fingerprint: Fingerprint) -> Answer<'_, Option<AccountId>> {
            $ask!(self.owner_by_fingerprint(fingerprint))
        }

        fn holder<'a>(
            &'a self,
            fingerprint: Fingerprint,
            except: &'a SerialNumber,
        ) -> Answer<'a, Option<SerialNumber>> {
            $ask!(self.holder(fingerprint, except))
        }

        fn tombstones<'a>(
            &'a self,
            serial: &'a SerialNumber,
            fingerprint: Fingerprint,
        ) -> Answer<'a, Vec<Tombstone>> {
            $ask!(self.tombstones(serial, fingerprint))
        }

        fn accounts(&self, list: AccountList) -> Answer<'_, Vec<AccountEntry>> {
            $ask!(self.accounts(list))
        }

        fn devices(&self, list: DeviceList) -> Answer<'_, Vec<Device>> {
            $ask!(self.devices(list))
        }

        fn count_devices(&self, state: DeviceState) -> Answer<'_, u64> {
            $ask!(self.count_devices(state))
        }

        fn fleet<'a>(
            &'a self,
            after: Option<&'a SerialNumber>,
            limit: u32,
        ) -> Answer<'a, Vec<FleetDevice>> {
            $ask!(self.fleet(after, limit))
        }

        fn single_use<'a>(&'a self, id: &'a str, now: UnixTime) -> Answer<'a, Option<SingleUse>> {
            $ask!(self.single_use(id, now))
        }

        fn single_uses(&self, list: SingleUseList) -> Answer<'_, Vec<SingleUse>> {
            $ask!(self.single_uses(list))
        }

        fn consumed<'a>(&'a self, id: &'a str, now: UnixTime) -> Answer<'a, Option<AccountId>> {
            $ask!(self.consumed(id, now))
        }

        fn session_revoked<'a>(&'a self, session_id: &'a str) -> Answer<'a, bool> {
            $ask!(self.session_revoked(session_id))
        }

        fn revocations(
            &self,
            since: UnixTime,
            now: UnixTime,
            limits: RevocationLimits,
        ) -> Answer<'_, Revocations> {
            $ask!(self.revocations(since, now, limits))
        }

        fn revocations_of<'a>(&'a self, account: &'a AccountId) -> Answer<'a, u64> {
            $ask!(self.revocations_of(account))
        }

        fn control_version(&self) -> Answer<'_, u64> {
            $ask!(self.control_version())
        }

        fn signing_keys(&self) -> Answer<'_, Vec<SigningKeyRecord>> {
            $ask!(self.signing_keys())
        }

        fn api_keys(&self) -> Answer<'_, Vec<ApiKeyRecord>> {
            $ask!(self.api_keys())
        }

        fn value<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Vec<u8>>> {
            $ask!(self.value(name))
        }

        fn values<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Vec<u8>)>> {
            $ask!(self.values(prefix))
        }

        fn highest_time(&self) -> Answer<'_, Option<UnixTime>> {
            $ask!(self.highest_time())
        }

        fn sealed_under_other_keys(
            &self,
            current: [u8; 8],
            limit: u32,
        ) -> Answer<'_, Vec<Resealable>> {
            $ask!(self.sealed_under_other_keys(current, limit))
        }
    };
}

pub(crate) use plain_reads;
