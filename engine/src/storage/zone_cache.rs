//! Zone maps in memory: small, wanted by every filtered scan, never stale because runs never change.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use object_store::path::Path;
use parking_lot::Mutex;

use super::zones::ZoneMap;

/// The memory zone maps may take.
const ZONE_MAP_BYTES_MAX: usize = 64 << 20;

/// The zone maps read last; the oldest makes room.
#[derive(Debug, Default)]
pub(crate) struct ZoneMapCache {
    maps: Mutex<Maps>,
}

#[derive(Debug, Default)]
struct Maps {
    by_location: HashMap<Path, Arc<ZoneMap>>,
    /// In the order they were read.
    order: VecDeque<Path>,
    bytes: usize,
}

impl ZoneMapCache {
    pub(crate) fn get(&self, location: &Path) -> Option<Arc<ZoneMap>> {
        self.maps.lock().by_location.get(location).cloned()
    }

    pub(crate) fn insert(&self, location: Path, zones: Arc<ZoneMap>) {
        let mut maps = self.maps.lock();
        let bytes = zones.memory_bytes();
        if maps.by_location.insert(location.clone(), zones).is_some() {
            // Two scans read it at once.
            return;
        }
        maps.bytes += bytes;
        maps.order.push_back(location);
        while maps.bytes > ZONE_MAP_BYTES_MAX
            && let Some(oldest) = maps.order.pop_front()
        {
            if let Some(zones) = maps.by_location.remove(&oldest) {
                maps.bytes -= zones.memory_bytes();
            }
        }
    }
}
