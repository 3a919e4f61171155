//! Names of a projector's tensors.

use candle_core::Tensor;

use crate::projector::{PREFIX, ProjectorConfig};

/// Whose names a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProjectorNames {
    /// `model.mm_projector.0.weight`, LLaVA's and Bunny's.
    #[default]
    Llava,
    /// `model.multi_modal_projector.linear_1.weight`, those of transformers' Llava; two linear maps only.
    HuggingFace,
    /// The same without `model.`, as transformers had it before.
    HuggingFaceOld,
    /// `mm.0.weight`, llama.cpp's.
    LlamaCpp,
}

/// Most linear maps, as [`ProjectorConfig`] has it.
const MOST: usize = 16;

/// The name in this crate of a tensor of somebody's projector; `None` for any other tensor.
pub fn our_projector_name(theirs: &str) -> Option<String> {
    // a whole component of the name, with anything before it
    let after = |marker: &str| {
        let at = theirs.rfind(marker)?;
        let whole = at == 0 || theirs[..at].ends_with('.');
        whole.then(|| &theirs[at + marker.len()..])
    };
    if let Some(rest) = after("multi_modal_projector.linear_") {
        let (number, kind) = rest.split_once('.')?;
        let number = number
            .parse::<usize>()
            .ok()
            .filter(|&number| number == 1 || number == 2)?;
        return valid(&format!("{}.{kind}", 2 * (number - 1)));
    }
    if let Some(rest) = after(PREFIX) {
        return valid(rest);
    }
    valid(theirs.strip_prefix("mm.")?)
}

/// `weight`, `bias`, or one of them after an even number.
fn valid(rest: &str) -> Option<String> {
    let (number, kind) = match rest.split_once('.') {
        Some((number, kind)) => (Some(number), kind),
        None => (None, rest),
    };
    let known = match number {
        None => true,
        Some(number) => {
            let parsed = number.parse::<usize>().ok();
            parsed.is_some_and(|n| n.is_multiple_of(2) && n < 2 * MOST && n.to_string() == number)
        }
    };
    (known && matches!(kind, "weight" | "bias")).then(|| format!("{PREFIX}{rest}"))
}

/// The name in somebody's file of a tensor of this crate's; `None` when there it can have none.
pub fn their_projector_name(ours: &str, names: ProjectorNames) -> Option<String> {
    let rest = ours.strip_prefix(PREFIX)?;
    let linear = |prefix: &str| {
        let (number, kind) = rest.split_once('.')?;
        let number = number
            .parse::<usize>()
            .ok()
            .filter(|&number| number == 0 || number == 2)?;
        Some(format!(
            "{prefix}multi_modal_projector.linear_{}.{kind}",
            number / 2 + 1
        ))
    };
    match names {
        ProjectorNames::Llava => Some(format!("model.{ours}")),
        ProjectorNames::HuggingFace => linear("model."),
        ProjectorNames::HuggingFaceOld => linear(""),
        // llama.cpp numbers a single map, too
        ProjectorNames::LlamaCpp if !rest.contains('.') => Some(format!("mm.0.{rest}")),
        ProjectorNames::LlamaCpp => Some(format!("mm.{rest}")),
    }
}

/// Weight and bias of every map, in the order of the computation.
pub(super) fn in_order(mut found: Vec<(String, Tensor)>) -> Result<Vec<(String, Tensor)>, String> {
    let mut take = |name: String| {
        let at = found.iter().position(|(known, _)| *known == name);
        at.map(|at| found.swap_remove(at))
    };
    let mut ordered = Vec::new();
    let single = std::iter::once(String::new());
    for at in single.chain((0..MOST).map(|i| format!("{}.", 2 * i))) {
        let (weight, bias) = (
            take(format!("{PREFIX}{at}weight")),
            take(format!("{PREFIX}{at}bias")),
        );
        match (weight, bias) {
            (Some(weight), Some(bias)) => ordered.extend([weight, bias]),
            (None, None) => {}
            _ => return Err(format!("of {PREFIX}{at} it has the weight or the bias only")),
        }
    }
    match found.first() {
        Some((name, _)) => Err(format!("{name} stands there twice")),
        None => Ok(ordered),
    }
}

/// The shape that tensors in their order have: maps that follow one another from 0, each as wide as the next takes.
pub(super) fn shape(tensors: &[(String, Tensor)]) -> Result<ProjectorConfig, String> {
    if tensors.is_empty() {
        return Err("it holds no projector".to_owned());
    }
    let mut widths: Vec<usize> = Vec::new();
    for (i, pair) in tensors.chunks(2).enumerate() {
        let [(name, weight), (_, bias)] = pair else {
            unreachable!("pairs of weight and bias");
        };
        let single = tensors.len() == 2 && name == &format!("{PREFIX}weight");
        if !single && *name != format!("{PREFIX}{}.weight", 2 * i) {
            return Err(format!("{name} follows no other map"));
        }
        let &[rows, columns] = weight.dims() else {
            return Err(format!("{name} is {:?}, no matrix", weight.dims()));
        };
        if bias.dims() != [rows]
            || widths.last().is_some_and(|&width| width != columns)
            || rows == 0
            || columns == 0
        {
            return Err(format!(
                "{name} is {:?}, which does not fit its neighbours",
                weight.dims()
            ));
        }
        if i == 0 {
            widths.push(columns);
        }
        widths.push(rows);
    }
    let (&dim, &hidden) = (widths.first().expect("a map"), widths.last().expect("a map"));
    if widths[1..].iter().any(|&width| width != hidden) {
        return Err(format!(
            "its maps have the widths {widths:?}; all but the first must be equal"
        ));
    }
    let kind = match tensors[0].0.strip_prefix(PREFIX) {
        Some("weight") => "linear".to_owned(),
        _ => format!("mlp{}x_gelu", tensors.len() / 2),
    };
    Ok(ProjectorConfig {
        kind,
        dim,
        hidden,
        tokens: 1,
        distinct: false,
        scale: 1.0,
    })
}
