//! Owns the search for circles: sets of files, or of folders, each of which reaches every other.
//!
//! Must never know what the members stand for.

use std::collections::BTreeSet;

use petgraph::algo::{astar, tarjan_scc};
use petgraph::graphmap::{DiGraphMap, NodeTrait};

/// Members that all lead to each other.
#[derive(Debug, PartialEq, Eq)]
pub struct Circle<N> {
    /// In order.
    pub members: Vec<N>,
    /// A shortest way from the first member round to it, which is named at both ends.
    pub way: Vec<N>,
}

/// The circles of a graph that is given by its arrows.
pub fn find<N: NodeTrait>(arrows: &BTreeSet<(N, N)>) -> Vec<Circle<N>> {
    let graph = DiGraphMap::<N, ()>::from_edges(arrows);
    let mut found = tarjan_scc(&graph);
    found.retain(|members| members.len() > 1);
    found.iter_mut().for_each(|members| members.sort_unstable());
    found.sort_unstable();
    let circle = |members: Vec<N>| {
        let start = members[0];
        let back = |next| astar(&graph, next, |one| one == start, |_| 1, |_| 0);
        let shortest = graph.neighbors(start).filter_map(back).min_by_key(|(length, _)| *length);
        let way = std::iter::once(start).chain(shortest.into_iter().flat_map(|(_, way)| way)).collect();
        Circle { members, way }
    };
    found.into_iter().map(circle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_circle_is_found_once_and_a_tree_has_none() {
        let found = find(&BTreeSet::from([(1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (5, 4), (6, 1)]));
        let members: Vec<_> = found.iter().map(|circle| &circle.members[..]).collect();
        assert_eq!(members, [&[1, 2, 3][..], &[4, 5]]);
        assert_eq!(found[0].way, [1, 2, 3, 1]);
        assert!(find(&BTreeSet::from([(1, 2), (1, 3), (2, 3)])).is_empty());
    }
}
