//! Messages that their carrier keeps until they are settled.
//!
//! A broker forgets a message that is acknowledged. So none is before everything that came of it is
//! durable. One that nothing came of may be forgotten at once. Whoever carries the rows is not known here.

use tokio::sync::mpsc::OwnedPermit;

/// One such message. Where it is dropped unsettled, it comes again on the next connection.
pub(crate) struct Delivery {
    /// A place in the queue to the carrier, so that settling never waits.
    place: OwnedPermit<u16>,
    number: u16,
}

impl Delivery {
    pub(crate) fn new(place: OwnedPermit<u16>, number: u16) -> Self {
        Self { place, number }
    }

    /// The carrier may forget it.
    pub(crate) fn settle(self) {
        let _queue = self.place.send(self.number);
    }
}

/// Which messages wait for which rows. Never more than one batch of rows is under way.
#[derive(Default)]
pub(crate) struct Deliveries {
    under_way: bool,
    /// What came of them is in the batch that is under way, or durable.
    in_batch: Vec<Delivery>,
    /// What came of them, if anything did, is in the batch after it.
    later: Vec<Delivery>,
}

impl Deliveries {
    /// One is handed on now.
    pub(crate) fn come(&mut self, delivery: Delivery) {
        self.later.push(delivery);
    }

    /// A batch with all rows up to here is on its way.
    pub(crate) fn persisting(&mut self) {
        self.under_way = true;
        self.in_batch.append(&mut self.later);
    }

    /// The batch is durable.
    pub(crate) fn kept(&mut self) {
        self.under_way = false;
        self.in_batch.drain(..).for_each(Delivery::settle);
    }

    /// All that follows from what came up to here is carried out, or waits for the batch that is under way.
    pub(crate) fn settle(&mut self) {
        if !self.under_way {
            self.later.drain(..).for_each(Delivery::settle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    struct Rig {
        places: mpsc::Sender<u16>,
        settled: mpsc::Receiver<u16>,
        all: Deliveries,
    }

    fn rig() -> Rig {
        let (places, settled) = mpsc::channel(8);
        Rig {
            places,
            settled,
            all: Deliveries::default(),
        }
    }

    impl Rig {
        fn come(&mut self, number: u16) {
            let place = self.places.clone().try_reserve_owned().unwrap();
            self.all.come(Delivery::new(place, number));
        }

        fn settled(&mut self) -> Vec<u16> {
            std::iter::from_fn(|| self.settled.try_recv().ok()).collect()
        }
    }

    #[test]
    fn a_message_that_nothing_came_of_is_settled_at_once() {
        let mut rig = rig();
        rig.come(1);
        rig.all.settle();
        assert_eq!(rig.settled(), [1]);
    }

    #[test]
    fn a_message_is_settled_when_its_rows_are_durable_and_not_before() {
        let mut rig = rig();
        rig.come(1);
        rig.all.persisting();
        rig.all.settle();
        // While the first batch is under way, the rows of the second message wait for the next.
        rig.come(2);
        rig.all.settle();
        assert_eq!(rig.settled(), [0; 0]);
        rig.all.kept();
        rig.all.persisting();
        rig.all.settle();
        assert_eq!(rig.settled(), [1]);
        rig.all.kept();
        rig.all.settle();
        assert_eq!(rig.settled(), [2]);
    }

    #[test]
    fn a_message_without_rows_does_not_wait_for_a_batch_that_never_comes() {
        let mut rig = rig();
        rig.all.persisting();
        rig.come(1);
        rig.all.settle();
        assert_eq!(rig.settled(), [0; 0]);
        rig.all.kept();
        rig.all.settle();
        assert_eq!(rig.settled(), [1]);
    }

    #[test]
    fn what_is_dropped_is_never_settled_and_gives_its_place_back() {
        let mut rig = rig();
        for number in 0..20 {
            rig.come(number);
            rig.all = Deliveries::default();
        }
        assert_eq!(rig.settled(), [0; 0]);
    }
}
