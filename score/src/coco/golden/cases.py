"""Small cases for `coco/tests.rs`, with the twelve numbers of pycocotools 2.0.11 (numpy 2.4): `python cases.py > cases.json`.

A box is [category, [x, y, width, height], score], an object [category, [x, y, width, height], area, crowd].
"""
import contextlib
import io
import json
import random

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def expected(images):
    categories = sorted({row[0] for image in images for row in image["boxes"] + image["objects"]})
    annotations, detections = [], []
    for number, image in enumerate(images):
        for category, bbox, area, crowd in image["objects"]:
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": category, "bbox": bbox,
                                "area": area, "iscrowd": int(crowd)})
        for category, bbox, score in image["boxes"]:
            detections.append({"image_id": number, "category_id": category, "bbox": bbox, "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"info": {}, "images": [{"id": number} for number in range(len(images))],
                         "annotations": annotations, "categories": [{"id": category} for category in categories]}
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(detections), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(number) for number in evaluation.stats]


def image(boxes, objects):
    return {"boxes": boxes, "objects": objects}


def mixed(seed, images, categories, boxes, grid):
    """Everything at once: few scores and coarse places, so that scores and overlaps are often equal."""
    draw = random.Random(seed)

    def bbox(side):
        return [draw.randrange(0, 400, grid), draw.randrange(0, 300, grid), draw.randrange(grid, side, grid),
                draw.randrange(grid, side, grid)]

    made = []
    for _ in range(images):
        objects, found = [], []
        for _ in range(draw.randrange(0, 7)):
            place = bbox(draw.choice([40, 100, 220]))
            area = round(place[2] * place[3] * draw.choice([0.4, 0.7, 1.0]), 2)
            objects.append([draw.randrange(1, categories), place, area, draw.random() < 0.15])
        for category, place, _, _ in objects:
            for _ in range(draw.randrange(0, 3)):
                moved = [number + draw.choice([-grid, 0, 0, 0, grid]) for number in place]
                found.append([category, [moved[0], moved[1], max(moved[2], 1), max(moved[3], 1)],
                              draw.randrange(1, 10) / 10])
        for _ in range(draw.randrange(0, boxes)):
            # The last category is only ever predicted.
            found.append([draw.randrange(1, categories + 1), bbox(180), draw.randrange(1, 8) / 10])
        draw.shuffle(found)
        made.append(image(found, objects))
    return made


CASES = {
    "one exact box": [image([[1, [10, 20, 30, 40], 0.9]], [[1, [10, 20, 30, 40], 1200, False]])],
    # Three boxes in one crowd are neither right nor wrong, though each overlaps it by far less than half.
    "boxes in a crowd": [image(
        [[1, [0, 0, 20, 20], 0.9], [1, [30, 30, 20, 20], 0.8], [1, [60, 60, 20, 20], 0.7], [1, [300, 0, 50, 50], 0.6]],
        [[1, [0, 0, 200, 200], 30000, True], [1, [300, 0, 50, 50], 2500, False]])],
    # The object wins over the crowd that overlaps more; without an object the crowd does.
    "a crowd beside an object": [image(
        [[1, [0, 0, 50, 50], 0.9], [1, [2, 2, 50, 50], 0.8]],
        [[1, [0, 0, 100, 100], 9000, True], [1, [8, 0, 50, 50], 2400, False]])],
    # Annotated areas decide, not those of boxes: 1024 is small and medium, 9216 medium and large.
    "areas at their ends": [image(
        [[1, [0, 0, 40, 40], 0.9], [1, [100, 0, 100, 100], 0.8], [1, [300, 0, 20, 20], 0.7], [1, [0, 200, 10, 10], 0.6]],
        [[1, [0, 0, 40, 40], 1024, False], [1, [100, 0, 100, 100], 9216, False], [1, [300, 0, 20, 20], 399, False]])],
    # Equal scores: in the order of the boxes within an image, and of images.
    "equal scores": [
        image([[1, [0, 0, 11, 10], 0.5], [1, [0, 0, 10, 10], 0.5]], [[1, [0, 0, 10, 10], 100, False]]),
        image([[1, [50, 50, 10, 10], 0.5]], [[1, [0, 0, 10, 10], 100, False]]),
        image([[1, [0, 0, 10, 10], 0.5]], [[1, [0, 0, 10, 10], 100, False]]),
    ],
    # The last of two objects that overlap a box equally is taken, and the other left for the next box.
    "equal overlaps": [image(
        [[1, [10, 0, 20, 20], 0.9], [1, [4, 0, 20, 20], 0.8]],
        [[1, [6, 0, 20, 20], 400, False], [1, [14, 0, 20, 20], 400, False]])],
    "eleven boxes, and only the last is right": [image(
        [[1, [200 + 20 * n, 0, 10, 10], 0.9 - 0.01 * n] for n in range(10)] + [[1, [0, 0, 40, 40], 0.1]],
        [[1, [0, 0, 40, 40], 1600, False]])],
    "more than a hundred boxes": [image(
        [[1, [3 * n, 100, 10, 10], 0.5] for n in range(100)] + [[1, [0, 0, 40, 40], 0.4], [2, [0, 0, 40, 40], 0.4]],
        [[1, [0, 0, 40, 40], 1600, False], [2, [0, 0, 40, 40], 1600, False]])],
    "nothing found": [image([[2, [0, 0, 10, 10], 0.5]], [[1, [0, 0, 10, 10], 100, False]]), image([], [])],
    "everything at once": mixed(20, 20, 4, 8, 10),
    "everything at once, finer": mixed(21, 12, 3, 12, 3),
}

print("{")
for position, (name, images) in enumerate(CASES.items()):
    case = {"images": images, "expected": expected(images)}
    print(f"{json.dumps(name)}: {json.dumps(case, separators=(',', ':'))}" + ("," if position + 1 < len(CASES) else ""))
print("}")
