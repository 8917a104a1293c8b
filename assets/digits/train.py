#!/usr/bin/env python3
"""Trains the vision transformer of this folder on scikit-learn's digits, and writes all of its files but this and README.md.

Owns data, model and training; the ONNX files and their scores are export.py's. README.md has the versions it was run with.

    pip install -r requirements.txt
    python3 train.py                     # trains, writes, and prints the tables of README.md
    python3 train.py --into again        # the same elsewhere, to compare
    python3 train.py --choose            # scores the candidates below by cross-validation on the training rows

Nothing here looks at the test rows before the model is final: `--choose` never sees them.
"""
import argparse
import functools
import os
import pathlib
import typing

# XLA splits its sums among as many threads as it believes there are cores, and the order of additions decides the last bits.
# Two, whatever the machine has, so that it gives the same bytes each time. Read when JAX is imported.
os.environ["NPROC"] = "2"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy
import optax
from jax.scipy.ndimage import map_coordinates
from sklearn.datasets import load_digits

import export

SEED = 42
TRAINING, TEST = slice(0, 1000), slice(1000, 1797)
# Rows of one writer stand together. So the test rows are of other hands, but for a few, and cross-validation holds out
# blocks of neighbours, or it would promise more than they keep.
FOLDS = 5
SIDE, PATCH, HEADS, CLASSES = 8, 2, 4, 10
NORM_EPSILON = 1e-5
BATCH = 50


class Settings(typing.NamedTuple):
    width: int = 32
    layers: int = 3
    hidden: int = 64
    epochs: int = 300
    # Each image of each epoch is shifted by up to so many pixels, turned, and made larger or smaller.
    shift_pixels: float = 1.0
    turn_degrees: float = 0.0
    stretch: float = 0.0


CANDIDATES = {
    "as it is": Settings(shift_pixels=0.0),
    "shifted": Settings(),
    "shifted, turned, stretched": Settings(turn_degrees=10.0, stretch=0.1),
    "two wider layers": Settings(width=40, layers=2, hidden=80, turn_degrees=10.0, stretch=0.1),
}
CHOSEN = "shifted, turned, stretched"


def initial(settings, seed):
    """Weights under the names that they have in the ONNX files; matrices are [inputs, outputs]."""
    random = numpy.random.default_rng(seed)
    width, hidden = settings.width, settings.hidden
    weights = {}

    def linear(name, inputs, outputs):
        weights[f"{name}.weight"] = random.normal(0, inputs**-0.5, (inputs, outputs))
        weights[f"{name}.bias"] = numpy.zeros(outputs)

    def norm(name):
        weights[f"{name}.weight"] = numpy.ones(width)
        weights[f"{name}.bias"] = numpy.zeros(width)

    linear("patch_embedding", PATCH * PATCH, width)
    # The class token has no pixels: its row of the positions is all there is of it.
    weights["position_embedding"] = random.normal(0, 0.1, (1, 1 + (SIDE // PATCH) ** 2, width))
    for layer in range(settings.layers):
        norm(f"layers.{layer}.attention_norm")
        for part in ("query", "key", "value", "output"):
            linear(f"layers.{layer}.attention.{part}", width, width)
        norm(f"layers.{layer}.mlp_norm")
        linear(f"layers.{layer}.mlp.up", width, hidden)
        linear(f"layers.{layer}.mlp.down", hidden, width)
    norm("final_norm")
    linear("head", width, CLASSES)
    return {name: jnp.asarray(value, jnp.float32) for name, value in weights.items()}


def logits(weights, pixels):
    """[batch, 8, 8] of 0 to 1 -> [batch, 10]. The same network as `export.graph` writes."""
    batch, width = pixels.shape[0], weights["position_embedding"].shape[-1]

    def linear(name, values):
        return values @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def norm(name, values):
        centred = values - values.mean(-1, keepdims=True)
        spread = jnp.sqrt((centred**2).mean(-1, keepdims=True) + NORM_EPSILON)
        return centred / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def by_head(values):
        return values.reshape(batch, -1, HEADS, width // HEADS).transpose(0, 2, 1, 3)

    across = SIDE // PATCH
    patches = pixels.reshape(batch, across, PATCH, across, PATCH).transpose(0, 1, 3, 2, 4)
    tokens = linear("patch_embedding", patches.reshape(batch, across * across, PATCH * PATCH))
    tokens = jnp.pad(tokens, ((0, 0), (1, 0), (0, 0))) + weights["position_embedding"]
    for layer in range(export.layers(weights)):
        normed = norm(f"layers.{layer}.attention_norm", tokens)
        query, key, value = (by_head(linear(f"layers.{layer}.attention.{p}", normed)) for p in ("query", "key", "value"))
        shares = jax.nn.softmax(query @ key.transpose(0, 1, 3, 2) * (width // HEADS) ** -0.5)
        mixed = (shares @ value).transpose(0, 2, 1, 3).reshape(batch, -1, width)
        tokens = tokens + linear(f"layers.{layer}.attention.output", mixed)
        up = linear(f"layers.{layer}.mlp.up", norm(f"layers.{layer}.mlp_norm", tokens))
        tokens = tokens + linear(f"layers.{layer}.mlp.down", jax.nn.gelu(up, approximate=False))
    return linear("head", norm("final_norm", tokens[:, 0]))


def moved(settings, key, image):
    """The image under a random shift, turn and stretch, with bilinear interpolation and nothing beyond its edges."""
    shift, turn, stretch = jax.random.split(key, 3)
    shift = jax.random.uniform(shift, (2, 1, 1), minval=-1.0) * settings.shift_pixels
    turn = jax.random.uniform(turn, minval=-1.0) * jnp.deg2rad(settings.turn_degrees)
    stretch = 1 + jax.random.uniform(stretch, minval=-1.0) * settings.stretch
    middle = (SIDE - 1) / 2
    places = jnp.stack(jnp.meshgrid(jnp.arange(SIDE), jnp.arange(SIDE), indexing="ij")) - middle
    matrix = stretch * jnp.array([[jnp.cos(turn), -jnp.sin(turn)], [jnp.sin(turn), jnp.cos(turn)]])
    places = jnp.tensordot(matrix, places, 1) + middle + shift
    return map_coordinates(image, list(places), order=1)


def train(settings, pixels, labels, seed):
    steps_per_epoch = len(pixels) // BATCH
    steps = settings.epochs * steps_per_epoch
    rate = optax.warmup_cosine_decay_schedule(0.0, 2e-3, steps // 20, steps)
    weights = initial(settings, seed)
    optimizer = optax.adamw(rate, weight_decay=0.05, mask={name: value.ndim == 2 for name, value in weights.items()})
    targets = optax.smooth_labels(jax.nn.one_hot(labels, CLASSES), 0.1)
    images = jnp.asarray(pixels)
    keys = jax.random.key(seed)

    def loss(weights, images, targets):
        return optax.softmax_cross_entropy(logits(weights, images), targets).mean()

    @jax.jit
    def epoch(weights, state, number):
        order, moves = jax.random.split(jax.random.fold_in(keys, number))
        rows = jax.random.permutation(order, len(images))[: steps_per_epoch * BATCH]
        shown = jax.vmap(functools.partial(moved, settings))(jax.random.split(moves, len(rows)), images[rows])

        def step(carry, batch):
            weights, state = carry
            updates, state = optimizer.update(jax.grad(loss)(weights, *batch), state, weights)
            return (optax.apply_updates(weights, updates), state), None

        batches = shown.reshape(-1, BATCH, SIDE, SIDE), targets[rows].reshape(-1, BATCH, CLASSES)
        return jax.lax.scan(step, (weights, state), batches)[0]

    state = optimizer.init(weights)
    for number in range(settings.epochs):
        weights, state = epoch(weights, state, number)
    return weights


def choose(names, pixels, labels):
    """Right ones of all training rows, each scored by a model that has not seen the fifth of the rows that it is in."""
    blocks = numpy.array_split(numpy.arange(len(labels)), FOLDS)
    for name in names or CANDIDATES:
        settings, right = CANDIDATES[name], 0
        for held_out in blocks:
            seen = numpy.setdiff1d(numpy.arange(len(labels)), held_out)
            weights = train(settings, pixels[seen], labels[seen], SEED)
            found = numpy.asarray(logits(weights, pixels[held_out])).argmax(1)
            right += int((found == labels[held_out]).sum())
        print(f"| {name} | {export.parameters(weights):,} | {right}/{len(labels)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    parser.add_argument("--choose", nargs="*", metavar="CANDIDATE", help="all of them, or these only")
    arguments = parser.parse_args()
    digits = load_digits()
    # 0 to 16, which one byte holds, and 0 to 1 in floats without rounding.
    pixels = (digits.images / 16).astype(numpy.float32)
    if arguments.choose is not None:
        return choose(arguments.choose, pixels[TRAINING], digits.target[TRAINING])
    weights = train(CANDIDATES[CHOSEN], pixels[TRAINING], digits.target[TRAINING], SEED)
    weights = {name: numpy.asarray(value) for name, value in weights.items()}
    arguments.into.mkdir(parents=True, exist_ok=True)
    export.write_all(arguments.into, weights, HEADS, NORM_EPSILON, digits.data[TEST], digits.target[TEST])
    # The file must say what was trained, and not merely something that scores well too.
    export.check_agreement(arguments.into, numpy.asarray(logits(weights, pixels[TEST])), pixels[TEST])


if __name__ == "__main__":
    main()
