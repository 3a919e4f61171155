//! Blocks of rows in their storage type.

use half::{bf16, f16};

/// Storage type of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// IEEE half precision.
    F16,
    /// bfloat16.
    Bf16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl Dtype {
    /// Bytes of one component.
    pub const fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The name used in options and results: `f16`, `bf16`, `f32`, `f64`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::F16, Self::Bf16, Self::F32, Self::F64]
            .into_iter()
            .find(|dtype| dtype.name() == name)
    }
}

/// A component type that rows can be stored in.
pub trait Element: Copy + Send + Sync + bytemuck::Pod + 'static {
    /// The type's name at run time.
    const DTYPE: Dtype;
    /// The value, exactly.
    fn to_f64(self) -> f64;
    /// The nearest value; by way of f32 for the 16-bit types.
    fn from_f64(value: f64) -> Self;
}

impl Element for f16 {
    const DTYPE: Dtype = Dtype::F16;
    fn to_f64(self) -> f64 {
        f64::from(self.to_f32())
    }
    fn from_f64(value: f64) -> Self {
        Self::from_f32(value as f32)
    }
}

impl Element for bf16 {
    const DTYPE: Dtype = Dtype::Bf16;
    fn to_f64(self) -> f64 {
        f64::from(self.to_f32())
    }
    fn from_f64(value: f64) -> Self {
        Self::from_f32(value as f32)
    }
}

impl Element for f32 {
    const DTYPE: Dtype = Dtype::F32;
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn from_f64(value: f64) -> Self {
        value as Self
    }
}

impl Element for f64 {
    const DTYPE: Dtype = Dtype::F64;
    fn to_f64(self) -> f64 {
        self
    }
    fn from_f64(value: f64) -> Self {
        value
    }
}

/// Borrowed rows, row-major, in native byte order.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// Half-precision rows.
    F16(&'a [f16]),
    /// bfloat16 rows.
    Bf16(&'a [bf16]),
    /// Single-precision rows.
    F32(&'a [f32]),
    /// Double-precision rows.
    F64(&'a [f64]),
}

/// Rows to be written, row-major, in native byte order.
#[derive(Debug)]
pub enum RowsMut<'a> {
    /// Half-precision rows.
    F16(&'a mut [f16]),
    /// bfloat16 rows.
    Bf16(&'a mut [bf16]),
    /// Single-precision rows.
    F32(&'a mut [f32]),
    /// Double-precision rows.
    F64(&'a mut [f64]),
}

/// Runs the body with `$slice` bound to the typed slice of either enum.
#[macro_export]
macro_rules! with_rows {
    ($kind:ident, $rows:expr, $slice:ident => $body:expr) => {
        match $rows {
            $crate::$kind::F16($slice) => $body,
            $crate::$kind::Bf16($slice) => $body,
            $crate::$kind::F32($slice) => $body,
            $crate::$kind::F64($slice) => $body,
        }
    };
}

impl<'a> Rows<'a> {
    /// Views `bytes`, in native byte order, as components of `dtype`.
    ///
    /// # Panics
    /// When the bytes are not aligned for `dtype` or do not hold whole components.
    pub fn from_bytes(dtype: Dtype, bytes: &'a [u8]) -> Self {
        match dtype {
            Dtype::F16 => Self::F16(bytemuck::cast_slice(bytes)),
            Dtype::Bf16 => Self::Bf16(bytemuck::cast_slice(bytes)),
            Dtype::F32 => Self::F32(bytemuck::cast_slice(bytes)),
            Dtype::F64 => Self::F64(bytemuck::cast_slice(bytes)),
        }
    }

    /// The same components as bytes in native byte order.
    pub fn as_bytes(&self) -> &'a [u8] {
        with_rows!(Rows, *self, slice => bytemuck::cast_slice(slice))
    }

    /// Storage type.
    pub fn dtype(&self) -> Dtype {
        match self {
            Self::F16(_) => Dtype::F16,
            Self::Bf16(_) => Dtype::Bf16,
            Self::F32(_) => Dtype::F32,
            Self::F64(_) => Dtype::F64,
        }
    }

    /// Components, rows times columns.
    pub fn len(&self) -> usize {
        with_rows!(Rows, self, slice => slice.len())
    }

    /// Whether there is no component.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Components `range` of the row-major order.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        match self {
            Self::F16(s) => Self::F16(&s[range]),
            Self::Bf16(s) => Self::Bf16(&s[range]),
            Self::F32(s) => Self::F32(&s[range]),
            Self::F64(s) => Self::F64(&s[range]),
        }
    }
}

impl<'a> RowsMut<'a> {
    /// Views `bytes`, in native byte order, as components of `dtype`.
    ///
    /// # Panics
    /// When the bytes are not aligned for `dtype` or do not hold whole components.
    pub fn from_bytes(dtype: Dtype, bytes: &'a mut [u8]) -> Self {
        match dtype {
            Dtype::F16 => Self::F16(bytemuck::cast_slice_mut(bytes)),
            Dtype::Bf16 => Self::Bf16(bytemuck::cast_slice_mut(bytes)),
            Dtype::F32 => Self::F32(bytemuck::cast_slice_mut(bytes)),
            Dtype::F64 => Self::F64(bytemuck::cast_slice_mut(bytes)),
        }
    }

    /// Components, rows times columns.
    pub fn len(&self) -> usize {
        with_rows!(RowsMut, self, slice => slice.len())
    }

    /// Whether there is no component.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
