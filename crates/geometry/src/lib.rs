//! The science: moments, alignment, the gap and its noise. Pure: no files, no threads of its own.

mod aligner;
mod aligner_file;
mod angles;
mod container;
mod covariance;
mod decomposition;
mod eigen;
mod fit;
mod fixed_point;
mod frame;
mod frame_file;
mod gap;
mod moments;
mod phantom;
mod row_map;
mod shape;
mod spectrum;
mod state_file;
pub mod tracker;

pub use aligner::{Aligner, AlignerInfo, Fits, GapOfFit, Side, Verdict};
pub use aligner_file::{AlignerFileError, FORMAT_VERSION};
pub use angles::principal_angles;
pub use container::ContainerError;
pub use covariance::Covariance;
pub use decomposition::{
    Blocks, Coupling, DEFAULT_RIDGE, Decomposition, decompose, sum_of_directions, vmf_concentration,
};
pub use eigen::{Eigen, EigenError};
pub use fit::{
    Centroid, Compat, DEFAULT_CENTROID_ITERATIONS, DEFAULT_TOLERANCE_ITERATIONS, EPSILON, FitError,
    FitOptions, Method, Step, distance, fit,
};
pub use frame::{DEFAULT_ENERGY, Frame, FrameSize};
pub use gap::{CentroidGap, PairedGap, centroid_gap, paired_gap, relative_gap};
pub use moments::{BadRow, BadRowReason, Lengths, Moments, Policy};
pub use phantom::{PhantomDrift, phantom_drift};
pub use row_map::{RowMap, Scratch};
pub use shape::{CovarianceShape, Residual, covariance_shape, residual};
pub use spectrum::{Condition, DEFAULT_ALPHA_RANKS, Spectrum, storage_floor};
pub use state_file::StateFileError;
pub use tracker::{
    DEFAULT_RETRIEVAL_PAIRS, DEFAULT_TOP_EIGEN, DEFAULT_WINDOW, F64Rows, Record, RowBlocks, Source,
    TrackError, TrackStep, Tracker, TrackerOptionError, TrackerOptions,
};
