//! Takes a user's rights, and gives them back. rdkafka has no way to do that, so it is librdkafka's own.

use std::ffi::CString;
use std::ptr;
use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_AclOperation_t as Operation;
use rdkafka::bindings::rd_kafka_AclPermissionType_t as Permission;
use rdkafka::bindings::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_LITERAL;
use rdkafka::bindings::rd_kafka_ResourceType_t as Resource;
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaRespErr;

use crate::kafka::{ASK, Kafka};

/// What a user has rights on.
#[derive(Clone, Copy, Debug)]
pub enum Guarded<'a> {
    /// A topic.
    Topic(&'a str),
    /// A consumer group.
    Group(&'a str),
    /// A transactional id.
    TransactionalId(&'a str),
}

impl<'a> Guarded<'a> {
    fn parts(self) -> (sys::rd_kafka_ResourceType_t, &'a str) {
        match self {
            Guarded::Topic(name) => (Resource::RD_KAFKA_RESOURCE_TOPIC, name),
            Guarded::Group(name) => (Resource::RD_KAFKA_RESOURCE_GROUP, name),
            Guarded::TransactionalId(name) => (Resource::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID, name),
        }
    }
}

/// What a user may no longer do.
#[derive(Clone, Copy, Debug)]
pub enum Forbidden {
    /// Read a topic, or be a member of a group.
    Read,
    /// Write to a topic, or use a transactional id.
    Write,
    /// Anything, asking about it too.
    All,
}

impl Kafka {
    /// Forbids a user to do something.
    ///
    /// # Panics
    /// The brokers refuse, or know no rights.
    pub fn forbid(&self, user: &str, guarded: Guarded<'_>, forbidden: Forbidden) {
        let operation = match forbidden {
            Forbidden::Read => Operation::RD_KAFKA_ACL_OPERATION_READ,
            Forbidden::Write => Operation::RD_KAFKA_ACL_OPERATION_WRITE,
            Forbidden::All => Operation::RD_KAFKA_ACL_OPERATION_ALL,
        };
        let deny = (operation, Permission::RD_KAFKA_ACL_PERMISSION_TYPE_DENY);
        // Where something has a rule, everything without one is forbidden.
        let allow = (Operation::RD_KAFKA_ACL_OPERATION_ALL, Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW);
        for rule in [deny, allow] {
            self.change_rights(user, guarded, Change::Add, rule);
        }
    }

    /// Removes every rule about a user and what is guarded.
    ///
    /// # Panics
    /// The brokers refuse.
    pub fn allow_again(&self, user: &str, guarded: Guarded<'_>) {
        let any = (Operation::RD_KAFKA_ACL_OPERATION_ANY, Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ANY);
        self.change_rights(user, guarded, Change::Remove, any);
    }

    fn change_rights(
        &self,
        user: &str,
        guarded: Guarded<'_>,
        change: Change,
        (operation, permission): (Operation, Permission),
    ) {
        let (kind, name) = guarded.parts();
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("an admin client");
        let [name, principal, host] =
            [name, &format!("User:{user}"), "*"].map(|text| CString::new(text).expect("text without a zero"));
        let wait = i32::try_from(ASK.max(Duration::from_secs(1)).as_millis()).expect("a time in range");
        // SAFETY: the strings live through the call, which copies them; the rule, the queue and the event are ours,
        // used while the client lives, and destroyed once each.
        unsafe {
            let make = match change {
                Change::Add => sys::rd_kafka_AclBinding_new,
                Change::Remove => sys::rd_kafka_AclBindingFilter_new,
            };
            let pattern = RD_KAFKA_RESOURCE_PATTERN_LITERAL;
            let [name, principal, host] = [&name, &principal, &host].map(|text| text.as_ptr());
            let mut rule = make(kind, name, pattern, principal, host, operation, permission, ptr::null_mut(), 0);
            assert!(!rule.is_null(), "librdkafka takes no such rule for {user} and {guarded:?}");
            let client = admin.inner().native_ptr();
            let queue = sys::rd_kafka_queue_new(client);
            match change {
                Change::Add => sys::rd_kafka_CreateAcls(client, &mut rule, 1, ptr::null(), queue),
                Change::Remove => sys::rd_kafka_DeleteAcls(client, &mut rule, 1, ptr::null(), queue),
            }
            let event = sys::rd_kafka_queue_poll(queue, wait);
            let outcome = outcome(event, change);
            if !event.is_null() {
                sys::rd_kafka_event_destroy(event);
            }
            sys::rd_kafka_queue_destroy(queue);
            sys::rd_kafka_AclBinding_destroy(rule);
            assert_eq!(outcome, Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR), "rights of {user} on {guarded:?}");
        }
    }
}

#[derive(Clone, Copy)]
enum Change {
    Add,
    Remove,
}

/// What became of the one rule; none: no answer.
///
/// # Safety
/// `event` is null, or the answer to a request for one rule.
unsafe fn outcome(event: *mut sys::rd_kafka_event_t, change: Change) -> Option<RDKafkaRespErr> {
    if event.is_null() {
        return None;
    }
    let (mut count, no_error) = (0, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
    // SAFETY: by the contract; what is pointed to belongs to the event, and a null error is none.
    unsafe {
        let whole = sys::rd_kafka_event_error(event);
        if whole != no_error {
            return Some(whole);
        }
        let error = match change {
            Change::Add => {
                let result = sys::rd_kafka_event_CreateAcls_result(event);
                let rules = sys::rd_kafka_CreateAcls_result_acls(result, &mut count);
                (count == 1).then(|| sys::rd_kafka_acl_result_error(*rules))
            }
            Change::Remove => {
                let result = sys::rd_kafka_event_DeleteAcls_result(event);
                let rules = sys::rd_kafka_DeleteAcls_result_responses(result, &mut count);
                (count == 1).then(|| sys::rd_kafka_DeleteAcls_result_response_error(*rules))
            }
        };
        error.map(|error| if error.is_null() { no_error } else { sys::rd_kafka_error_code(error) })
    }
}
