//! The science: moments, alignment, the gap and its noise. Pure: no files, no threads of its own.

#![allow(
    clippy::needless_pass_by_value,
    reason = "views of rows are passed as slices are"
)]

mod aligner;
mod aligner_file;
mod aligner_header;
mod angles;
mod bad_row;
mod chance;
mod cka;
mod container;
mod cosines;
mod covariance;
mod covariance_file;
mod cross;
mod decomposition;
mod divide;
mod eigen;
mod fit;
mod fit_options;
mod fixed_point;
mod frame;
mod frame_file;
mod gap;
mod gap_interval;
mod halves;
mod items;
mod map;
mod map_file;
mod mixing;
mod moments;
mod neighbours;
mod noise;
mod pair_covariances;
mod passes;
mod phantom;
mod plane;
mod polar;
mod precision;
mod probe;
mod quantiles;
mod retrieval;
mod row_map;
mod shape;
mod sketch;
mod spectrum;
mod stage_file;
mod staged_map;
mod state_file;
mod storage;
mod strangers;
mod strategies;
pub mod tracker;
mod tridiagonal;
mod unit_rows;
mod views;

pub use aligner::{Aligner, AlignerInfo, Fits, GapOfFit, NewRows, PairsOfFit, Side, Verdict};
pub use aligner_file::FORMAT_VERSION;
pub use aligner_header::AlignerFileError;
pub use angles::principal_angles;
pub use bad_row::{BadRow, BadRowReason, Policy};
pub use chance::{even_hubness, isotropic_kappa};
pub use cka::Cka;
pub use container::ContainerError;
pub use cosines::{BINS, Cosines, WithinCosines, cosine_correlation, cosines_across, cosines_within};
pub use covariance::Covariance;
pub use cross::CrossCovariance;
pub use decomposition::{
    Blocks, Coupling, DEFAULT_RIDGE, Decomposition, DirectionsInV, conditions, coupling_in, decompose,
    split_of_means, sum_of_directions, unbiased_resultant, vmf_concentration,
};
pub use eigen::{Eigen, EigenError};
pub use fit::fit;
pub use fit_options::{
    Centroid, Compat, DEFAULT_CENTROID_ITERATIONS, DEFAULT_TOLERANCE_ITERATIONS, EPSILON, FitError,
    FitOptions, Method, Step, Traits,
};
pub use frame::{DEFAULT_ENERGY, Frame, FrameSize};
pub use gap::{
    CentroidGap, ClusterNoise, GapVerdict, Judged, Noise, Second, centroid_gap, left_out, relative_gap,
    unbiased_cosine,
};
pub use halves::{Halves, InHalves, PairProducts, Shares, Turned, frames_of, shares, unbiased_shape};
pub use items::{Items, dominating_groups, effective_groups};
pub use map::Map;
pub use mixing::{binary_entropy, expected_entropy, skewness};
pub use moments::{Lengths, Moments, distance};
pub use neighbours::{Found, Neighbour, Partner, Search};
pub use noise::mix;
pub use pair_covariances::{CountedPairs, PairCovariances};
pub use passes::{FitSide, Passes};
pub use phantom::{AnchoredCloud, PhantomDrift, drift_of_mean};
pub use plane::Plane;
pub use precision::Precision;
pub use probe::{Probe, separability};
pub use retrieval::{Ranks, Recall, RecallByChance};
pub use row_map::{RowMap, Scratch};
pub use shape::{CovarianceShape, Residual, covariance_shape, residual};
pub use sketch::RowSketch;
pub use spectrum::{Condition, DEFAULT_ALPHA_RANKS, Spectrum, turned_out};
pub use stage_file::StageInfo;
pub use staged_map::{Stage, StagedMap};
pub use state_file::StateFileError;
pub use storage::{StorageNoise, StoredRows, storage_floor};
pub use strangers::{STRANGERS_EXCHANGES, Strangers, adjusted_r2, strangers_coupling};
pub use strategies::{DEFAULT_NOISE, DEFAULT_RIDGE_OF_ROOTS};
pub use tracker::{
    DEFAULT_RETRIEVAL_PAIRS, DEFAULT_TOP_EIGEN, DEFAULT_WINDOW, Record, RowBlocks, Source, TrackError,
    TrackStep, Tracker, TrackerOptionError, TrackerOptions, random_angle,
};
pub use unit_rows::{CorpusBlock, Queries, UnitRows};
pub use views::as_rows;
