"""Golden images of the agent's preprocessing, by Pillow, OpenCV and numpy.

    python images.py [FOLDER OF PHOTOS]

Writes image files and `golden.json` beside itself: SHA-256 of what these libraries make of the files, and of an image that
is computed (`field`). `photos` are files of the given folder, which is not part of the repository.
Needs: Pillow 12.3, opencv-python-headless 5.0, numpy 2.4. From 13 on, Pillow resizes columns first where an image becomes
much flatter, which changes single levels: the sizes below have such a case, and official figures are older.
"""

import hashlib
import json
import pathlib
import sys

import cv2
import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
PHOTOS = 20

SIZES = [
    (299, 299, 256, 256), (640, 480, 416, 312), (61, 45, 17, 90), (45, 61, 300, 7), (8, 8, 3, 3), (5, 5, 64, 64),
    (1, 9, 4, 4), (9, 1, 2, 2), (64, 48, 32, 24), (37, 37, 37, 20), (37, 37, 20, 37), (500, 375, 341, 256),
]
FILTERS = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def field(width, height):
    """Gradients, edges and noise, the same on every machine."""
    y, x = np.mgrid[0:height, 0:width].astype(np.uint32)
    channels = [(x * x * 7 + y * y * 13 + x * y * 5 + c * 71 + ((x * 31) ^ (y * 17))) >> 1 for c in range(3)]
    return (np.stack(channels, axis=-1) & 255).astype(np.uint8)


def scene(width, height):
    """What compresses like a photo: slopes, a disc and some texture."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    slope = np.stack([x * 255 / width, y * 255 / height, 255 - x * 255 / width], axis=-1)
    disc = ((x - width * 0.6) ** 2 + (y - height * 0.4) ** 2 < (height * 0.3) ** 2)[..., None]
    texture = (field(width, height).astype(np.float64) - 128) / 8
    return np.clip(np.where(disc, [230.0, 30.0, 60.0], slope) + texture, 0, 255).astype(np.uint8)


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def files():
    """Files of every kind that data sets have, as (name, image, options of `save`)."""
    photo = Image.fromarray(scene(61, 45))
    alpha = Image.fromarray(field(61, 45)[..., 0])
    rgba = photo.copy()
    rgba.putalpha(alpha)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "420.jpg", photo, {"quality": 85, "subsampling": "4:2:0"}
    yield "422.jpg", photo, {"quality": 85, "subsampling": "4:2:2"}
    yield "444.jpg", photo, {"quality": 95, "subsampling": "4:4:4"}
    yield "progressive.jpg", photo, {"quality": 80, "progressive": True}
    yield "restarts.jpg", photo, {"quality": 80, "restart_marker_blocks": 2}
    yield "narrow.jpg", Image.fromarray(scene(3, 50)), {"quality": 80}
    yield "turned.jpg", photo, {"quality": 85, "exif": exif}
    yield "grey.jpg", photo.convert("L"), {"quality": 85}
    yield "cmyk.jpg", photo.convert("CMYK"), {"quality": 90}
    yield "rgb.jpg", photo, {"quality": 90, "keep_rgb": True}
    yield "rgb.png", photo, {}
    yield "rgba.png", rgba, {}
    yield "grey.png", photo.convert("L"), {}
    yield "grey-alpha.png", rgba.convert("LA"), {}
    yield "bilevel.png", photo.convert("1"), {}
    yield "palette.png", photo.quantize(12), {}
    yield "palette-transparent.png", photo.quantize(12), {"transparency": 3}


def made_of_files():
    """Files that Pillow reads and does not write, as (name, bytes)."""
    cmyk = bytearray((HERE / "cmyk.jpg").read_bytes())
    cmyk[cmyk.index(b"Adobe") + 11] = 2
    yield "ycck.jpg", bytes(cmyk)
    progressive = (HERE / "progressive.jpg").read_bytes()
    scans = [at for at in range(len(progressive)) if progressive[at:at + 2] == b"\xff\xda"]
    yield "coarse.jpg", progressive[:scans[2]] + b"\xff\xd9"
    grey = (scene(61, 45)[..., 1].astype(np.uint16)) * 201
    yield "sixteen-grey.png", cv2.imencode(".png", grey)[1].tobytes()
    yield "sixteen.png", cv2.imencode(".png", scene(61, 45)[..., ::-1].astype(np.uint16) * 201)[1].tobytes()


def resized():
    for width, height, to_width, to_height in SIZES:
        image = field(width, height)
        for name, resample in FILTERS.items():
            yield name, Image.fromarray(image).resize((to_width, to_height), resample)
        yield "bilinear-no-antialias", cv2.resize(image, (to_width, to_height), interpolation=cv2.INTER_LINEAR)


def short_side_and_crop(image, side, crop, resample):
    """The sizes as torchvision computes them, in Python's own arithmetic."""
    width, height = image.size
    size = (side, int(side * height / width)) if width <= height else (int(side * width / height), side)
    image = image.resize(size, resample)
    left, top = int(round((size[0] - crop) / 2.0)), int(round((size[1] - crop) / 2.0))
    return np.asarray(image.crop((left, top, left + crop, top + crop)))


def tensors():
    """Tensors of `rgb.png`, as (name, array)."""
    image = Image.open(HERE / "rgb.png").convert("RGB")
    cut = short_side_and_crop(image, 40, 33, Image.Resampling.BICUBIC)
    yield "float32-nchw-rgb", ((cut - np.float64(127)) / 128).astype(np.float32).transpose(2, 0, 1)
    mean, std = np.array([103.53, 116.28, 123.675]), np.array([57.375, 57.12, 58.395])
    bgr = (cut[..., ::-1] - mean) / std
    yield "float32-nhwc-bgr", bgr.astype(np.float32)
    yield "float16-nchw-bgr", bgr.astype(np.float16).transpose(2, 0, 1)
    yield "float64-nchw-bgr", bgr.transpose(2, 0, 1)
    yield "uint8-nhwc-rgb", cut
    yield "int8-nhwc-rgb", (cut.astype(np.int16) - 128).astype(np.int8)


def main():
    golden = {"files": {}, "resized": [], "tensors": {}, "photos": {}}
    for name, image, options in files():
        image.save(HERE / name, **options)
    for name, content in made_of_files():
        (HERE / name).write_bytes(content)
    for path in sorted(HERE.glob("*.jpg")) + sorted(HERE.glob("*.png")):
        image = np.asarray(Image.open(path).convert("RGB"))
        golden["files"][path.name] = [image.shape[1], image.shape[0], sha256(image)]
    for (name, image), size in zip(resized(), [size for size in SIZES for _ in range(4)]):
        golden["resized"].append([name, *size, sha256(np.asarray(image))])
    for name, tensor in tensors():
        golden["tensors"][name] = sha256(tensor)
    if len(sys.argv) > 1:
        for path in sorted(pathlib.Path(sys.argv[1]).glob("*.JPEG"))[:PHOTOS]:
            cut = short_side_and_crop(Image.open(path).convert("RGB"), 256, 224, Image.Resampling.BILINEAR)
            golden["photos"][path.name] = sha256(cut)
    (HERE / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
