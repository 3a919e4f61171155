//! Parameters in a fixed order, each with a name.

use candle_core::{DType, Tensor};

use crate::{NnError, Result, Tape, Var};

/// A parameter's place among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamId(usize);

impl ParamId {
    /// Index in the order of creation.
    pub fn index(self) -> usize {
        self.0
    }
}

/// Named tensors in the order of their creation, which is that of files and of random numbers.
#[derive(Debug, Clone, Default)]
pub struct Params {
    names: Vec<String>,
    values: Vec<Tensor>,
}

impl Params {
    /// Adds a tensor; names are unique.
    pub fn add(&mut self, name: impl Into<String>, value: Tensor) -> ParamId {
        let name = name.into();
        assert!(!self.names.contains(&name), "parameter {name} exists");
        self.names.push(name);
        self.values.push(value);
        ParamId(self.names.len() - 1)
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// How many numbers there are in all.
    pub fn count(&self) -> usize {
        self.values.iter().map(Tensor::elem_count).sum()
    }

    /// Names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Values, in order.
    pub fn values(&self) -> &[Tensor] {
        &self.values
    }

    /// One value.
    pub fn get(&self, id: ParamId) -> &Tensor {
        &self.values[id.0]
    }

    /// Replaces a value by one of its shape and type.
    pub fn set(&mut self, id: ParamId, value: Tensor) {
        assert_eq!(self.values[id.0].shape(), value.shape(), "{}", self.names[id.0]);
        self.values[id.0] = value;
    }

    /// Replaces all values, in order.
    pub fn replace(&mut self, values: Vec<Tensor>) {
        assert_eq!(self.values.len(), values.len(), "one value per name");
        self.values = values;
    }

    /// The same parameters as another type, f64 for proofs.
    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        let values = self
            .values
            .iter()
            .map(|value| Ok(value.to_dtype(dtype)?))
            .collect::<Result<_>>()?;
        Ok(Self {
            names: self.names.clone(),
            values,
        })
    }

    /// Every parameter as a leaf of `tape`, in order.
    pub fn leaves(&self, tape: &mut Tape) -> Vec<Var> {
        self.values.iter().map(|value| tape.leaf(value.clone())).collect()
    }

    /// Every parameter as a constant, for inference.
    pub fn constants(&self) -> Vec<Var> {
        self.values
            .iter()
            .map(|value| Var::constant(value.clone()))
            .collect()
    }

    /// `gradients` in order, each of them present: one that is missing is a defect of the model, by name.
    pub fn all_gradients(&self, gradients: Vec<Option<Tensor>>) -> Result<Vec<Tensor>> {
        assert_eq!(self.names.len(), gradients.len(), "one gradient per parameter");
        let named = self.names.iter().zip(gradients);
        named
            .map(|(name, gradient)| gradient.ok_or_else(|| NnError::NoGradient(name.clone())))
            .collect()
    }
}
