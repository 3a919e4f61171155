//! Projected rows as a parquet table with the neighbours of each.

use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int64Builder, ListBuilder};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;

use crate::error::{Place, ShardError};

/// Points of a projection, one entry each in every list.
pub struct Points {
    /// First coordinates.
    pub x: Vec<f64>,
    /// Second coordinates.
    pub y: Vec<f64>,
    /// Modality of each.
    pub modality: Vec<String>,
    /// Index of each in its source, which partners share.
    pub pair: Vec<i64>,
    /// Stage of the map that each was drawn at.
    pub stage: Vec<String>,
    /// Indices of the neighbours of each in this table.
    pub ids: Vec<Vec<i64>>,
    /// Distances of these, 1 − cosine.
    pub distances: Vec<Vec<f64>>,
}

impl Points {
    /// A parquet file with columns `x`, `y` (DOUBLE), `modality` (STRING), `pair` (INT64), `stage` (STRING) and `neighbours`, a
    /// struct of the lists `ids` (INT64) and `distances` (DOUBLE).
    ///
    /// # Errors
    ///
    /// `BAD_FORMAT` for lists of several lengths.
    pub fn to_parquet(self) -> Result<Vec<u8>, ShardError> {
        let bad = |error: &dyn std::fmt::Display| ShardError::bad_format(&Place::MEMORY, error.to_string());
        let mut ids =
            ListBuilder::new(Int64Builder::new()).with_field(Field::new("element", DataType::Int64, false));
        for list in &self.ids {
            ids.values().append_slice(list);
            ids.append(true);
        }
        let mut distances = ListBuilder::new(Float64Builder::new()).with_field(Field::new(
            "element",
            DataType::Float64,
            false,
        ));
        for list in &self.distances {
            distances.values().append_slice(list);
            distances.append(true);
        }
        let lists: Vec<ArrayRef> = vec![Arc::new(ids.finish()), Arc::new(distances.finish())];
        let fields: Fields = ["ids", "distances"]
            .into_iter()
            .zip(&lists)
            .map(|(name, list)| Field::new(name, list.data_type().clone(), false))
            .collect();
        let neighbours = StructArray::try_new(fields, lists, None).map_err(|e| bad(&e))?;
        let columns: [(&str, ArrayRef); 6] = [
            ("x", Arc::new(Float64Array::from(self.x))),
            ("y", Arc::new(Float64Array::from(self.y))),
            ("modality", Arc::new(StringArray::from(self.modality))),
            ("pair", Arc::new(Int64Array::from(self.pair))),
            ("stage", Arc::new(StringArray::from(self.stage))),
            ("neighbours", Arc::new(neighbours)),
        ];
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, column)| Field::new(*name, column.data_type().clone(), false))
            .collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(schema.clone(), columns).map_err(|e| bad(&e))?;
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).map_err(|e| bad(&e))?;
        writer.write(&batch).map_err(|e| bad(&e))?;
        writer.into_inner().map_err(|e| bad(&e))
    }
}
