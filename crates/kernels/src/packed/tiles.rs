//! Tiles of a packed product in registers, whatever their width.

use super::{PANEL, Tile};

/// How a register's worth of elements is multiplied and added; of an element two vectors may be made.
///
/// # Safety
/// All functions need the processor's features that their register stands for; pointers are good for a register.
pub(super) trait Step: Copy {
    type Element: Copy;
    type Register: Copy;
    /// Values of a register.
    const LANES: usize;

    unsafe fn sums(at: *const f32) -> Self::Register;
    unsafe fn store(at: *mut f32, sums: Self::Register);
    unsafe fn weights(at: *const Self::Element) -> [Self::Register; 2];
    unsafe fn value(value: Self::Element) -> [Self::Register; 2];
    unsafe fn add(
        value: [Self::Register; 2],
        weights: [Self::Register; 2],
        sums: Self::Register,
    ) -> Self::Register;
}

/// Tiles that are `ACROSS` registers wide, side by side over the panel.
#[derive(Clone, Copy)]
pub(super) struct By<S, const ACROSS: usize>(pub(super) S);

impl<S: Step, const ACROSS: usize> Tile<S::Element> for By<S, ACROSS> {
    #[inline(always)]
    fn add<const M: usize>(
        self,
        rows: &[&[S::Element]; M],
        panel: &[S::Element],
        sums: &mut [[f32; PANEL]; M],
    ) {
        let depth = panel.len() / PANEL;
        assert!(
            rows.iter().all(|row| row.len() == depth),
            "rows as deep as the panel"
        );
        const { assert!(PANEL.is_multiple_of(ACROSS * S::LANES)) };
        for from in (0..PANEL).step_by(ACROSS * S::LANES) {
            // SAFETY: this body is inlined into functions that have the features of `S`; rows and the panel hold `depth` elements
            // and rows of thirty-two, checked above, and all accesses lie within those.
            unsafe {
                let mut local = sums.each_ref().map(|row| {
                    std::array::from_fn::<_, ACROSS, _>(|part| {
                        S::sums(row.as_ptr().add(from + part * S::LANES))
                    })
                });
                for step in 0..depth {
                    let weights = panel.as_ptr().add(step * PANEL + from);
                    let mut parts = [S::weights(weights); ACROSS];
                    for part in 1..ACROSS {
                        parts[part] = S::weights(weights.add(part * S::LANES));
                    }
                    for i in 0..M {
                        let value = S::value(*rows[i].get_unchecked(step));
                        for part in 0..ACROSS {
                            local[i][part] = S::add(value, parts[part], local[i][part]);
                        }
                    }
                }
                for (row, local) in sums.iter_mut().zip(local) {
                    for (part, sums) in local.into_iter().enumerate() {
                        S::store(row.as_mut_ptr().add(from + part * S::LANES), sums);
                    }
                }
            }
        }
    }
}

macro_rules! register {
    ($register:ty, $lanes:literal, $load:ident, $store:ident) => {
        type Register = $register;
        const LANES: usize = $lanes;

        #[inline(always)]
        unsafe fn sums(at: *const f32) -> $register {
            // SAFETY: as the trait says.
            unsafe { $load(at) }
        }

        #[inline(always)]
        unsafe fn store(at: *mut f32, sums: $register) {
            // SAFETY: as the trait says.
            unsafe { $store(at, sums) }
        }
    };
}

/// A function with the features of a step.
macro_rules! compiled {
    ($name:ident, $features:literal, $step:ident, $across:literal, $element:ty) => {
        #[target_feature(enable = $features)]
        pub(super) fn $name(rows: &[&[$element]], panel: &[$element], sums: &mut [[f32; PANEL]]) {
            each_height(By::<_, $across>($step), rows, panel, sums);
        }
    };
}

pub(super) use {compiled, register};
