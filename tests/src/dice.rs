//! Numbers that look random and are the same on every machine, so that a failure can be repeated from its seed.

/// A stream of numbers (splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }

    /// True once in `n`.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// True in so many percent.
    pub fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    /// One of these, which are not none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// So many different ones of these, in their order; all of them where there are fewer.
    pub fn some<T: Copy>(&mut self, count: usize, from: &[T]) -> Vec<T> {
        let mut left = count.min(from.len());
        let mut out = Vec::with_capacity(left);
        for (index, item) in from.iter().enumerate() {
            if self.below(from.len() - index) < left {
                out.push(*item);
                left -= 1;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_different_and_as_many_as_asked_for() {
        for seed in 0..100 {
            let dice = &mut Dice::new(seed);
            let from: Vec<usize> = (0..10).collect();
            let found = dice.some(4, &from);
            assert_eq!(found.len(), 4);
            assert!(found.is_sorted() && found.windows(2).all(|pair| pair[0] != pair[1]));
            assert_eq!(dice.some(20, &from), from);
        }
    }
}
