//! Fitted aligners: loaded, saved, and applied to a caller's rows without a copy.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::slice::HalfBitsSliceExt;
use modality_gap_geometry::{Aligner, BadRow, Scratch};
use modality_gap_kernels::{Rows, RowsMut};
use modality_gap_shards::storage;
use modality_gap_tasks::{TaskError, load_aligner, save_aligner};
use napi::bindgen_prelude::{
    Buffer, ClassInstance, Float32ArraySlice, Float64ArraySlice, Object, Uint16ArraySlice,
};
use napi::{Env, Result};
use napi_derive::napi;
use serde_json::Value;

use crate::border::{Failure, Outcome, write_f32, write_f64, write_u16};
use crate::cancel::CancelToken;
use crate::promise::{plain, promised_until};
use crate::weight::{Handle, ReportedBytes, Weighs, weighed};

thread_local! {
    static SCRATCH: RefCell<(Scratch, Vec<BadRow>)> = RefCell::default();
}

/// A fitted map from the source's distribution to the target's.
#[napi(custom_finalize)]
pub struct NativeAligner {
    pub(crate) aligner: Arc<Aligner>,
    /// Bytes of its file, which are about those that it holds.
    bytes: usize,
    reported: ReportedBytes,
}

weighed!(NativeAligner);

impl Weighs for NativeAligner {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn reported(&self) -> &ReportedBytes {
        &self.reported
    }
}

#[napi]
impl NativeAligner {
    /// Reads an aligner's file.
    #[napi(ts_return_type = "Promise<types.Outcome<NativeAligner>>")]
    pub fn load<'env>(
        env: &'env Env,
        path: String,
        token: Option<ClassInstance<'env, CancelToken>>,
    ) -> Result<Object<'env>> {
        promised_until(env, token, move || {
            let path = Path::new(&path);
            let aligner = load_aligner(path)?;
            let bytes = storage::look(path).map_or(0, |seen| usize::try_from(seen.len).unwrap_or(usize::MAX));
            Ok(Self::holding(aligner, bytes))
        })
    }

    /// Reads an aligner from the bytes of its file.
    #[napi(catch_unwind, ts_return_type = "types.Outcome<NativeAligner>")]
    pub fn from_bytes(bytes: &[u8]) -> Outcome<Handle<NativeAligner>> {
        let aligner = Aligner::from_bytes(bytes).map_err(|error| TaskError::Aligner { file: None, error });
        aligner.map(|aligner| Self::holding(aligner, bytes.len())).into()
    }

    /// The bytes of its file.
    #[napi(catch_unwind)]
    pub fn to_bytes(&self) -> Buffer {
        self.aligner.to_bytes().into()
    }

    /// Writes its file, perhaps in place of an older one: temporary file, synced, renamed.
    #[napi(ts_return_type = "Promise<types.Outcome<undefined>>")]
    pub fn save<'env>(
        &self,
        env: &'env Env,
        path: String,
        replace: bool,
        token: Option<ClassInstance<'env, CancelToken>>,
    ) -> Result<Object<'env>> {
        let aligner = Arc::clone(&self.aligner);
        promised_until(env, token, move || {
            save_aligner(&aligner, &PathBuf::from(path), replace)
        })
    }

    /// What it says of itself.
    #[napi(ts_return_type = "types.AlignerInfo")]
    pub fn info(&self) -> Value {
        plain(self.aligner.info())
    }

    /// Maps f32 rows into `out`.
    #[napi(catch_unwind, ts_return_type = "{ error: types.Failure } | null")]
    pub fn transform_f32(
        &self,
        rows: Float32ArraySlice<'_>,
        mut out: Float32ArraySlice<'_>,
    ) -> Option<Failure> {
        write_f32(&rows, &mut out, |rows, out| {
            self.transform(Rows::F32(rows), RowsMut::F32(out))
        })
    }

    /// Maps f64 rows into `out`.
    #[napi(catch_unwind, ts_return_type = "{ error: types.Failure } | null")]
    pub fn transform_f64(
        &self,
        rows: Float64ArraySlice<'_>,
        mut out: Float64ArraySlice<'_>,
    ) -> Option<Failure> {
        write_f64(&rows, &mut out, |rows, out| {
            self.transform(Rows::F64(rows), RowsMut::F64(out))
        })
    }

    /// Maps half-precision rows, given as bits, into `out`.
    #[napi(catch_unwind, ts_return_type = "{ error: types.Failure } | null")]
    pub fn transform_f16(
        &self,
        bits: Uint16ArraySlice<'_>,
        mut out: Uint16ArraySlice<'_>,
    ) -> Option<Failure> {
        write_u16(&bits, &mut out, |bits, out| {
            self.transform(
                Rows::F16(bits.reinterpret_cast()),
                RowsMut::F16(out.reinterpret_cast_mut()),
            )
        })
    }

    fn transform(&self, rows: Rows<'_>, out: RowsMut<'_>) -> Option<Failure> {
        let dim = self.aligner.dim();
        if !rows.len().is_multiple_of(dim) || rows.len() != out.len() {
            let text = format!(
                "{} values into {} are not whole rows of {dim}",
                rows.len(),
                out.len()
            );
            return Some(Failure::new("BAD_SHAPE", &text));
        }
        SCRATCH.with_borrow_mut(|(scratch, bad)| {
            bad.clear();
            let map = self.aligner.map();
            map.prepare(rows, 0, scratch, bad);
            if !bad.is_empty() {
                return Some(TaskError::of_rows(bad).into());
            }
            map.write(rows, scratch, out);
            None
        })
    }
}

impl NativeAligner {
    fn holding(aligner: Aligner, bytes: usize) -> Handle<Self> {
        Handle(Self {
            aligner: Arc::new(aligner),
            bytes,
            reported: ReportedBytes::default(),
        })
    }
}
