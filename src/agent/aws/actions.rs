//! The actions, one row for each.

use std::future::ready;

use crate::agent::aws::call::{Answer, Call, Service};
use crate::agent::aws::{devices, policies, simulators, sts, users, virtual_devices};

/// An action of a service.
pub(super) struct Action {
    pub(super) name: &'static str,
    pub(super) service: Service,
    pub(super) handler: for<'a> fn(Call<'a>) -> Answer<'a>,
}

/// All actions.
pub(super) const ACTIONS: &[Action] = &[
    iam("CreateAccessKey", |call| Box::pin(users::create_key(call))),
    iam("CreateUser", |call| Box::pin(users::create(call))),
    iam("CreateVirtualMFADevice", |call| Box::pin(virtual_devices::create(call))),
    iam("DeactivateMFADevice", |call| Box::pin(devices::deactivate(call))),
    iam("DeleteAccessKey", |call| Box::pin(users::delete_key(call))),
    iam("DeleteUser", |call| Box::pin(users::delete(call))),
    iam("DeleteUserPolicy", |call| Box::pin(policies::delete(call))),
    iam("DeleteVirtualMFADevice", |call| Box::pin(virtual_devices::delete(call))),
    iam("EnableMFADevice", |call| Box::pin(devices::enable(call))),
    iam("GetAccessKeyLastUsed", |call| Box::pin(users::key_last_used(call))),
    iam("GetContextKeysForCustomPolicy", |call| {
        Box::pin(simulators::keys_of_custom_policies(call))
    }),
    iam("GetContextKeysForPrincipalPolicy", |call| Box::pin(simulators::keys_of_principal(call))),
    iam("GetMFADevice", |call| Box::pin(devices::get(call))),
    iam("GetUser", |call| Box::pin(users::get(call))),
    iam("GetUserPolicy", |call| Box::pin(policies::get(call))),
    iam("ListAccessKeys", |call| Box::pin(users::list_keys(call))),
    iam("ListMFADevices", |call| Box::pin(devices::list(call))),
    iam("ListUserPolicies", |call| Box::pin(policies::list(call))),
    iam("ListUsers", |call| Box::pin(users::list(call))),
    iam("ListVirtualMFADevices", |call| Box::pin(virtual_devices::list(call))),
    iam("PutUserPolicy", |call| Box::pin(policies::put(call))),
    iam("ResyncMFADevice", |call| Box::pin(devices::resync(call))),
    iam("SimulateCustomPolicy", |call| Box::pin(simulators::custom_policies(call))),
    iam("SimulatePrincipalPolicy", |call| Box::pin(simulators::principal(call))),
    iam("UpdateAccessKey", |call| Box::pin(users::update_key(call))),
    sts("GetAccessKeyInfo", |call| Box::pin(sts::access_key_info(call))),
    sts("GetCallerIdentity", |call| Box::pin(ready(sts::caller_identity(&call)))),
    sts("GetSessionToken", |call| Box::pin(sts::session_token(call))),
];

const fn iam(name: &'static str, handler: for<'a> fn(Call<'a>) -> Answer<'a>) -> Action {
    Action { name, service: Service::Iam, handler }
}

const fn sts(name: &'static str, handler: for<'a> fn(Call<'a>) -> Answer<'a>) -> Action {
    Action { name, service: Service::Sts, handler }
}
