//! Owns the search for circles: sets of files, or of folders, each of which reaches every other.
//!
//! Must never know what the numbers stand for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The circles of a graph that is given by its arrows. The members of each are in order.
pub fn find(arrows: &BTreeSet<(usize, usize)>) -> Vec<Vec<usize>> {
    let members: BTreeSet<_> = arrows.iter().flat_map(|&(from, to)| [from, to]).collect();
    let reached: BTreeMap<_, _> = members.iter().map(|&start| (start, reach(arrows, start))).collect();
    let mut circles = BTreeSet::new();
    for &one in &members {
        let circle: Vec<_> = members
            .iter()
            .copied()
            .filter(|other| reached[&one].contains(other) && reached[other].contains(&one))
            .collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

/// A shortest way from the first member of `circle` round to it, which is named at both ends.
pub fn way_round(arrows: &BTreeSet<(usize, usize)>, circle: &[usize]) -> Vec<usize> {
    let Some(&start) = circle.first() else { return Vec::new() };
    let mut ways = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let last = way.last().copied().unwrap_or(start);
        for next in after(arrows, last).filter(|next| circle.contains(next)) {
            let longer = [&way[..], &[next]].concat();
            if next == start {
                return longer;
            }
            if seen.insert(next) {
                ways.push_back(longer);
            }
        }
    }
    Vec::new()
}

/// Everything that `start` leads to.
fn reach(arrows: &BTreeSet<(usize, usize)>, start: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(one) = open.pop() {
        open.extend(after(arrows, one).filter(|&next| reached.insert(next)));
    }
    reached
}

fn after(arrows: &BTreeSet<(usize, usize)>, one: usize) -> impl Iterator<Item = usize> + '_ {
    arrows.range((one, 0)..=(one, usize::MAX)).map(|&(_, to)| to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_circle_is_found_once_and_a_tree_has_none() {
        let arrows = BTreeSet::from([(1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (5, 4), (6, 1)]);
        assert_eq!(find(&arrows), [vec![1, 2, 3], vec![4, 5]]);
        assert_eq!(way_round(&arrows, &[1, 2, 3]), [1, 2, 3, 1]);
        assert!(find(&BTreeSet::from([(1, 2), (1, 3), (2, 3)])).is_empty());
    }
}
