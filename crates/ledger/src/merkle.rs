//! Merkle trees as certificate transparency has them (RFC 6962, section 2.1). The data of a leaf is the hash of an entry.

use crate::hash::Hash;

fn leaf(data: &Hash) -> Hash {
    Hash::of(&[&[0], data.as_bytes()])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Hash::of(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// How many of `size` leaves, two or more, are on the left: the largest power of two below `size`.
const fn split(size: usize) -> usize {
    1 << (usize::BITS - 1 - (size - 1).leading_zeros())
}

/// The root over these leaves, in their order.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of(&[]),
        [only] => leaf(only),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// What leads from the leaf at `index` to the root, from below.
pub fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 || index >= leaves.len() {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut below, beside) = match index.checked_sub(left.len()) {
        None => (path(left, index), root(right)),
        Some(index) => (path(right, index), root(left)),
    };
    below.push(beside);
    below
}

/// Whether `path` leads from the leaf at `index` of `size` to this root.
pub fn leads_to(data: &Hash, index: usize, size: usize, path: &[Hash], root: &Hash) -> bool {
    index < size && up(data, index, size, path).is_some_and(|top| top == *root)
}

fn up(data: &Hash, index: usize, size: usize, path: &[Hash]) -> Option<Hash> {
    if size == 1 {
        return path.is_empty().then(|| leaf(data));
    }
    let (beside, below) = path.split_last()?;
    let left = split(size);
    match index.checked_sub(left) {
        None => Some(node(&up(data, index, left, below)?, beside)),
        Some(index) => Some(node(beside, &up(data, index, size - left, below)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|number| Hash::of(&[&number.to_be_bytes()])).collect()
    }

    #[test]
    fn the_tree_is_that_of_rfc_6962() {
        // Section 2.1: the hash of no leaves is that of the empty string.
        assert_eq!(root(&[]).to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let [a, b, c] = [0, 1, 2].map(|index| leaves(3)[index]);
        assert_eq!(root(&[a, b, c]), node(&node(&leaf(&a), &leaf(&b)), &leaf(&c)));
        assert_eq!([2, 3, 4, 5, 8, 9].map(split), [1, 2, 2, 4, 4, 8]);
    }

    proptest! {
        #[test]
        fn every_path_leads_to_the_root_and_to_no_other(size in 1_usize..70, index in 0_usize..70, other in 0_usize..70) {
            let leaves = leaves(size);
            let (index, other) = (index % size, other % size);
            let (root, path) = (root(&leaves), path(&leaves, index));
            prop_assert!(leads_to(&leaves[index], index, size, &path, &root));
            if other != index {
                prop_assert!(!leads_to(&leaves[other], index, size, &path, &root));
                prop_assert!(!leads_to(&leaves[index], other, size, &path, &root));
            }
            prop_assert!(!leads_to(&leaves[index], index, size, &path, &Hash::ZERO));
        }
    }
}
