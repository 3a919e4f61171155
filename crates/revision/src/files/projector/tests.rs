use super::*;

#[test]
fn names_go_there_and_back() {
    for (ours, names, theirs) in [
        (
            "mm_projector.0.weight",
            ProjectorNames::Llava,
            "model.mm_projector.0.weight",
        ),
        (
            "mm_projector.weight",
            ProjectorNames::Llava,
            "model.mm_projector.weight",
        ),
        (
            "mm_projector.2.bias",
            ProjectorNames::HuggingFace,
            "model.multi_modal_projector.linear_2.bias",
        ),
        (
            "mm_projector.0.weight",
            ProjectorNames::HuggingFaceOld,
            "multi_modal_projector.linear_1.weight",
        ),
        ("mm_projector.2.weight", ProjectorNames::LlamaCpp, "mm.2.weight"),
    ] {
        assert_eq!(their_projector_name(ours, names).as_deref(), Some(theirs));
        assert_eq!(our_projector_name(theirs).as_deref(), Some(ours));
    }
    // llama.cpp knows no map without a number
    assert_eq!(
        their_projector_name("mm_projector.bias", ProjectorNames::LlamaCpp).as_deref(),
        Some("mm.0.bias")
    );
    for (ours, names) in [
        ("mm_projector.4.weight", ProjectorNames::HuggingFace),
        ("mm_projector.weight", ProjectorNames::HuggingFaceOld),
        ("lora.x", ProjectorNames::Llava),
    ] {
        assert_eq!(their_projector_name(ours, names), None);
    }
}

#[test]
fn any_prefix_is_taken_and_no_other_tensor() {
    for theirs in [
        "mm_projector.0.weight",
        "base_model.model.model.mm_projector.0.weight",
        "language_model.multi_modal_projector.linear_1.weight",
    ] {
        assert_eq!(
            our_projector_name(theirs).as_deref(),
            Some("mm_projector.0.weight"),
            "{theirs}"
        );
    }
    for other in [
        "model.comm_projector.0.weight",
        "mm_projector.1.weight",
        "mm_projector.00.weight",
        "mm_projector.0.running_mean",
        "mm_projector.32.weight",
        "multi_modal_projector.linear_3.weight",
        "multi_modal_projector.layer_norm.weight",
        "mm.input_projection.weight",
        "mm.a.fc.weight",
        "v.mm.0.weight",
        "",
    ] {
        assert_eq!(our_projector_name(other), None, "{other}");
    }
}

#[test]
fn maps_that_do_not_follow_one_another_make_no_projector() {
    let tensor =
        |shape: &[usize]| Tensor::zeros(shape, candle_core::DType::F32, &candle_core::Device::Cpu).unwrap();
    let shape = |maps: &[(&str, &[usize])]| {
        let named = maps
            .iter()
            .map(|(name, shape)| (format!("mm_projector.{name}"), tensor(shape)));
        names::in_order(named.collect()).and_then(|tensors| names::shape(&tensors))
    };
    let good = shape(&[
        ("2.bias", &[4]),
        ("0.bias", &[4]),
        ("2.weight", &[4, 4]),
        ("0.weight", &[4, 6]),
    ])
    .unwrap();
    assert_eq!((good.kind.as_str(), good.dim, good.hidden), ("mlp2x_gelu", 6, 4));
    assert_eq!(
        shape(&[("0.weight", &[4, 6]), ("0.bias", &[4])]).unwrap().kind,
        "mlp1x_gelu"
    );
    for (maps, said) in [
        (&[][..], "no projector"),
        (&[("0.weight", &[4, 6][..])], "or the bias only"),
        (&[("0.weight", &[4, 6]), ("0.bias", &[5])], "does not fit"),
        (&[("0.weight", &[4, 6, 1]), ("0.bias", &[4])], "no matrix"),
        (&[("0.weight", &[0, 6]), ("0.bias", &[0])], "does not fit"),
        (&[("2.weight", &[4, 6]), ("2.bias", &[4])], "follows no other map"),
        (
            &[
                ("0.weight", &[4, 6]),
                ("0.bias", &[4]),
                ("2.weight", &[4, 5]),
                ("2.bias", &[4]),
            ],
            "does not fit",
        ),
        (
            &[
                ("0.weight", &[5, 6]),
                ("0.bias", &[5]),
                ("2.weight", &[4, 5]),
                ("2.bias", &[4]),
            ],
            "must be equal",
        ),
        (
            &[
                ("weight", &[4, 6]),
                ("bias", &[4]),
                ("0.weight", &[4, 4]),
                ("0.bias", &[4]),
            ],
            "follows no other map",
        ),
        (
            &[("0.weight", &[4, 6]), ("0.weight", &[4, 6]), ("0.bias", &[4])],
            "stands there twice",
        ),
    ] {
        let reason = shape(maps).unwrap_err();
        assert!(reason.contains(said), "{said}: {reason}");
    }
}
