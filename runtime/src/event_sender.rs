//! The way to a pipeline's loop. Each layer sends events of its own; the loop receives them all in the order in which
//! they were sent.

use std::sync::Arc;

use crate::rt::{Sender, Wakeup};

/// Sends events of one kind to a loop.
pub struct EventSender<E> {
    send: Arc<dyn Fn(E) + Send + Sync>,
    wakeup: Wakeup,
}

impl<E> Clone for EventSender<E> {
    fn clone(&self) -> Self {
        EventSender { send: self.send.clone(), wakeup: self.wakeup.clone() }
    }
}

impl<E: 'static> EventSender<E> {
    /// A way to whoever holds the other end of `sender`, and is woken by `wakeup`.
    pub fn new<A: From<E> + Send + 'static>(sender: Sender<A>, wakeup: Wakeup) -> EventSender<E> {
        // Where the loop has ended nothing is left to decide.
        EventSender { send: Arc::new(move |event| _ = sender.send(event.into())), wakeup }
    }

    /// Sends what may wait: the loop looks at it within 10 ms while anything is on its way.
    pub fn send(&self, event: E) {
        (self.send)(event);
    }

    /// Sends what does not suffer a delay.
    pub fn send_and_wake(&self, event: E) {
        self.send(event);
        self.wake();
    }

    /// Lets the loop look at what there is.
    pub fn wake(&self) {
        self.wakeup.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt;

    #[test]
    fn events_of_all_kinds_come_in_the_order_in_which_they_were_sent() {
        let (sender, receiver) = rt::channel::<i64>();
        let (small, large) = (
            EventSender::<i32>::new(sender.clone(), Wakeup::default()),
            EventSender::<i64>::new(sender, Wakeup::default()),
        );
        small.send(1);
        large.send_and_wake(2);
        small.send(3);
        assert_eq!(receiver.drain(), [1, 2, 3]);
    }
}
