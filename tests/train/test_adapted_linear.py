"""Layer and adapter in one step of autograd: peft's function, closer to the exact one where precision is low."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

peft = pytest.importorskip("peft")

from stepgym.train.adapted_linear import AdaptedLinear, adapted_linear, fuse_adapters  # noqa: E402


def adapted(inputs: int, outputs: int, *, bias: bool = True, dtype: torch.dtype = torch.float64, **changes):
    """A peft model of one layer whose adapter is no identity."""
    model = nn.Sequential(nn.Linear(inputs, outputs, bias=bias, dtype=dtype))
    config = peft.LoraConfig(**({"r": 3, "lora_alpha": 5, "target_modules": ["0"]} | changes))
    model = peft.get_peft_model(model, config, autocast_adapter_dtype=False)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter)
    return model


def passed(model: nn.Module, x: torch.Tensor, grad: torch.Tensor) -> list[torch.Tensor]:
    """Output, gradient of the input, gradients of what is trained."""
    x = x.clone().requires_grad_()
    trained = [p for p in model.parameters() if p.requires_grad]
    result = model(x)
    return [result.detach(), *torch.autograd.grad(result, [x, *trained], grad.to(result.dtype))]


@given(st.integers(1, 6), st.integers(1, 6), st.lists(st.integers(1, 4), max_size=3), st.booleans(), st.integers(0, 99))
def test_it_is_pefts_function(inputs: int, outputs: int, shape: list[int], bias: bool, seed: int) -> None:
    torch.manual_seed(seed)
    model = adapted(inputs, outputs, bias=bias)
    x, grad = torch.randn(*shape, inputs, dtype=torch.float64), torch.randn(*shape, outputs, dtype=torch.float64)
    expected = passed(model, x, grad)
    fuse_adapters(model)
    assert any(type(m) is AdaptedLinear for m in model.modules())
    for found, wanted in zip(passed(model, x, grad), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_gradients_are_those_of_differences() -> None:
    torch.manual_seed(0)
    x, down, up = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in ((2, 3, 5), (2, 5), (4, 2)))
    weight, bias = torch.randn(4, 5, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *a: adapted_linear(a[0], weight, bias, a[1], a[2]), (x, down, up))


def test_what_is_not_asked_for_is_not_computed() -> None:
    """The first layer's input has no gradient, and one matrix may be frozen."""
    x, weight, down, up = torch.randn(2, 3), torch.randn(4, 3), torch.randn(1, 3), torch.randn(4, 1, requires_grad=True)
    adapted_linear(x, weight, None, down, up).sum().backward()
    assert up.grad is not None
    assert x.grad is None
    assert down.grad is None


class Products(TorchDispatchMode):
    """Counts the matrix products that read a given tensor, or a view of it."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.storage, self.count = weight.untyped_storage().data_ptr(), 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        tensors = [a for a in args if isinstance(a, torch.Tensor)]
        if func._schema.name.split("::")[1] in {"mm", "addmm", "linear"}:
            self.count += any(t.untyped_storage().data_ptr() == self.storage for t in tensors)
        return func(*args, **(kwargs or {}))


def test_checkpointing_does_not_repeat_the_last_product() -> None:
    """Of a block's two layers the first is computed again in the backward pass, the second is not."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.SiLU(), nn.Linear(4, 3))
    model = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["0", "2"]))
    fuse_adapters(model)
    x, grad = torch.randn(5, 3), torch.randn(5, 3)
    plain = passed(model, x, grad)
    first, last = (model.base_model.model[i].base_layer.weight for i in (0, 2))
    with Products(first) as of_first, Products(last) as of_last:
        again = passed(checkpointed(model), x, grad)
    assert (of_first.count, of_last.count) == (3, 2)  # forward, (again,) backward
    assert all(torch.equal(a, b) for a, b in zip(again, plain, strict=True))


def checkpointed(model: nn.Module) -> nn.Module:
    """`model`, recomputed in the backward pass."""

    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return checkpoint(self.model, x, use_reentrant=False)

    return Checkpointed()


def test_in_low_precision_it_is_the_more_exact_one() -> None:
    torch.manual_seed(0)
    exact = adapted(256, 256, r=16)
    x, grad = torch.randn(64, 256, dtype=torch.float64), torch.randn(64, 256, dtype=torch.float64)
    model = copy.deepcopy(exact).bfloat16()
    for name, parameter in model.named_parameters():  # adapters stay in float32, as in training
        if "lora" in name:
            parameter.data = parameter.data.float()
    # What rounding the parameters costs is not at issue here.
    exact.load_state_dict({k: v.double() for k, v in model.state_dict().items()})
    wanted = passed(exact, x.bfloat16().double(), grad.bfloat16().double())

    def error() -> list[float]:
        with torch.autocast("cpu", torch.bfloat16):
            found = passed(model, x.bfloat16(), grad.bfloat16())
        return [float((f.double() - w).norm() / w.norm()) for f, w in zip(found, wanted, strict=True)]

    before = error()
    fuse_adapters(model)
    after = error()
    assert after[0] < before[0]
    assert after[1] < before[1]
    assert max(after) < 1e-2


@pytest.mark.parametrize("special", [{"lora_dropout": 0.5}, {"use_dora": True}, {"lora_bias": True}])
def test_special_adapters_keep_pefts_way(special) -> None:
    torch.manual_seed(0)
    model = adapted(4, 5, **special)
    x, grad = torch.randn(3, 4, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64)
    results = []
    for fused in (False, True):
        if fused:
            fuse_adapters(model)
        torch.manual_seed(1)
        results.append(passed(model, x, grad))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_without_autocast_a_finer_adapter_is_not_rounded() -> None:
    torch.manual_seed(0)
    model = adapted(8, 8, dtype=torch.bfloat16)
    for name, parameter in model.named_parameters():
        if "lora" in name:
            parameter.data = parameter.data.float()
    x = torch.randn(3, 8, dtype=torch.bfloat16)
    expected = model(x)
    fuse_adapters(model)
    assert torch.equal(model(x), expected)


def test_names_merging_and_copies_are_pefts() -> None:
    torch.manual_seed(0)
    model = adapted(4, 5)
    names, x = list(model.state_dict()), torch.randn(3, 4, dtype=torch.float64)
    fuse_adapters(model)
    assert list(model.state_dict()) == names
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(copied(x), model(x))
    with model.disable_adapter():
        base = model(x)
    assert not torch.allclose(base, model(x))
    torch.testing.assert_close(copy.deepcopy(model).merge_and_unload()(x), model(x))


def test_a_trained_base_keeps_its_gradient() -> None:
    model = adapted(4, 5)
    fuse_adapters(model)
    base = model.base_model.model[0].base_layer.weight.requires_grad_()
    model(torch.randn(3, 4, dtype=torch.float64)).sum().backward()
    assert base.grad is not None
