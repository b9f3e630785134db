//! Small objects in memory, decoded: zone maps and delete vectors, wanted by every scan of their run.
//! Never stale, because an object never changes.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use object_store::path::Path;
use parking_lot::Mutex;

/// The objects read last, up to a budget; the oldest makes room.
#[derive(Debug)]
pub(crate) struct ObjectCache<V> {
    bytes_max: usize,
    objects: Mutex<Objects<V>>,
}

#[derive(Debug)]
struct Objects<V> {
    /// Each with the memory it takes.
    by_location: HashMap<Path, (Arc<V>, usize)>,
    /// In the order they were read.
    order: VecDeque<Path>,
    bytes: usize,
}

impl<V> ObjectCache<V> {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let objects = Objects { by_location: HashMap::new(), order: VecDeque::new(), bytes: 0 };
        Self { bytes_max, objects: Mutex::new(objects) }
    }

    pub(crate) fn get(&self, location: &Path) -> Option<Arc<V>> {
        self.objects.lock().by_location.get(location).map(|(object, _)| Arc::clone(object))
    }

    /// Keeps an object that takes `bytes` of memory.
    pub(crate) fn insert(&self, location: Path, object: Arc<V>, bytes: usize) {
        let mut objects = self.objects.lock();
        if objects.by_location.insert(location.clone(), (object, bytes)).is_some() {
            // Two scans read it at once.
            return;
        }
        objects.bytes += bytes;
        objects.order.push_back(location);
        while objects.bytes > self.bytes_max
            && let Some(oldest) = objects.order.pop_front()
        {
            if let Some((_, bytes)) = objects.by_location.remove(&oldest) {
                objects.bytes -= bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_object_makes_room() {
        let cache = ObjectCache::new(10);
        for (name, bytes) in [("a", 4), ("b", 4), ("a", 4), ("c", 4)] {
            cache.insert(Path::from(name), Arc::new(name), bytes);
        }
        assert!(cache.get(&Path::from("a")).is_none());
        assert_eq!(cache.get(&Path::from("b")).as_deref(), Some(&"b"));
        assert_eq!(cache.get(&Path::from("c")).as_deref(), Some(&"c"));
    }
}
