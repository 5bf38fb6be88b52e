"""Trains the digit classifier of the demo and writes digits.onnx and held_back.npz beside this file.

Not part of `make demo`. Needs torch, scikit-learn, onnx and numpy:
    pip install torch==2.13.0 scikit-learn onnx==1.23.2 numpy && python examples/digits/train.py
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional

FOLDER = Path(__file__).resolve().parent
SEED = 20
CLASSES = 10
WHITEST = 16  # the data set's pixels are integers from 0 to 16


class DigitNet(nn.Module):
    """Convolution, one residual block, pooling, convolution, average, linear layer: [N, 1, 8, 8] -> logits [N, 10]."""

    def __init__(self, width=24):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(width)
        self.block_a = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.block_a_norm = nn.BatchNorm2d(width)
        self.block_b = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.block_b_norm = nn.BatchNorm2d(width)
        self.widen = nn.Conv2d(width, 2 * width, 3, padding=1, bias=False)
        self.widen_norm = nn.BatchNorm2d(2 * width)
        self.classify = nn.Linear(2 * width, CLASSES)

    def forward(self, image):
        stem = functional.relu(self.stem_norm(self.stem(image)))
        block = functional.relu(self.block_a_norm(self.block_a(stem)))
        block = self.block_b_norm(self.block_b(block))
        pooled = functional.max_pool2d(functional.relu(block + stem), 2)
        wide = functional.relu(self.widen_norm(self.widen(pooled)))
        return self.classify(wide.mean(dim=(2, 3)))


def shift(images, generator):
    """Moves every image by up to one pixel each way, filling with background."""
    padded = functional.pad(images, (1, 1, 1, 1))
    offsets = torch.randint(0, 3, (len(images), 2), generator=generator)
    return torch.stack([padded[i, :, y : y + 8, x : x + 8] for i, (y, x) in enumerate(offsets.tolist())])


def train(images, labels, epochs):
    """Returns the network fitted to images [N, 1, 8, 8] in 0..1 and their labels."""
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    net = DigitNet()
    batch = 64
    steps = epochs * (len(images) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    net.train()
    for epoch in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        total = 0.0
        for start in range(0, len(images) - batch + 1, batch):
            chosen = order[start : start + batch]
            loss = functional.cross_entropy(net(shift(images[chosen], generator)), labels[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * batch
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1}: loss {total / len(images):.4f}")
    return net.eval()


def to_onnx(net):
    """Writes the network as an ONNX graph with its BatchNormalization nodes kept and a symbolic batch dimension."""
    nodes, weights = [], []

    def constant(name, tensor):
        weights.append(numpy_helper.from_array(tensor.detach().numpy(), name))
        return name

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], name=f"{op}_{output}", **attributes))
        return output

    def convolution(name, x):
        weight = constant(f"{name}.weight", getattr(net, name).weight)
        y = node("Conv", [x, weight], f"{name}_conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        norm = getattr(net, f"{name}_norm")
        parameters = [
            constant(f"{name}_norm.{key}", getattr(norm, key))
            for key in ("weight", "bias", "running_mean", "running_var")
        ]
        return node("BatchNormalization", [y, *parameters], f"{name}_norm", epsilon=norm.eps)

    stem = node("Relu", [convolution("stem", "image")], "stem")
    block = node("Relu", [convolution("block_a", stem)], "block_a")
    block = node("Add", [convolution("block_b", block), stem], "block_sum")
    block = node("Relu", [block], "block")
    pooled = node("MaxPool", [block], "pooled", kernel_shape=[2, 2], strides=[2, 2])
    wide = node("Relu", [convolution("widen", pooled)], "widen")
    wide = node("GlobalAveragePool", [wide], "average")
    wide = node("Flatten", [wide], "features", axis=1)
    linear = [constant("classify.weight", net.classify.weight), constant("classify.bias", net.classify.bias)]
    logits = node("Gemm", [wide, *linear], "logits", transB=1)
    node("Softmax", [logits], "probabilities", axis=1)

    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", CLASSES])],
        weights,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="examples/digits/train.py"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the two files (default: this script's)")
    arguments = parser.parse_args()

    pixels, labels = load_digits(return_X_y=True)
    images = pixels.reshape(-1, 8, 8).astype(np.uint8)
    seen, held, seen_labels, held_labels = train_test_split(
        images, labels, test_size=0.2, random_state=SEED, stratify=labels
    )

    def tensor(chosen):
        return torch.from_numpy(chosen.astype(np.float32) / WHITEST).unsqueeze(1)

    net = train(tensor(seen), torch.from_numpy(seen_labels), arguments.epochs)
    with torch.no_grad():
        predicted = net(tensor(held)).argmax(dim=1).numpy()
    print(f"accuracy on {len(held)} held-back images: {(predicted == held_labels).mean():.2%}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    onnx.save(to_onnx(net), arguments.out / "digits.onnx")
    np.savez_compressed(arguments.out / "held_back.npz", images=held, labels=held_labels.astype(np.uint8))
    print(f"wrote {arguments.out / 'digits.onnx'} and {arguments.out / 'held_back.npz'}")


if __name__ == "__main__":
    main()
