//! Photos with boxes.

use domain::Task;
use furlong_dataset::DataSet;
use score::{Truth, TruthBox};

use crate::{Folder, bad, good, ids, image, refused};

const TASK: Task = Task::ObjectDetection;

const INSTANCES: &str = r#"{"info": {}, "licenses": [],
  "images": [{"id": 9, "file_name": "9.jpg", "width": 5, "height": 5}, {"id": 2, "file_name": "2.jpg"}, {"id": 5, "file_name": "5.jpg"}],
  "annotations": [
    {"id": 1, "image_id": 9, "category_id": 90, "bbox": [1, 2, 3.5, 4], "area": 7.25, "iscrowd": 0, "segmentation": [[1, 2, 3]]},
    {"id": 2, "image_id": 9, "category_id": 1, "bbox": [0, 0, 5, 5], "area": 20, "iscrowd": 1, "segmentation": {"counts": [3, 4], "size": [5, 5]}},
    {"id": 3, "image_id": 2, "category_id": 1, "bbox": [0, 0, 1, 1], "area": 1, "iscrowd": false},
    {"id": 4, "image_id": 77, "category_id": 1, "bbox": [0, 0, 1, 1], "area": 1}],
  "categories": [{"id": 90, "name": "toothbrush", "supercategory": "x"}, {"id": 1, "name": "person"}]}"#;

fn photos() -> [(&'static str, &'static [u8]); 3] {
    [("val2017/2.jpg", b"two"), ("val2017/5.jpg", b"five"), ("val2017/9.jpg", b"nine")]
}

fn official(instances: &str) -> Folder {
    let folder = Folder::new(&photos());
    folder.write("annotations/instances_val2017.json", instances.as_bytes());
    folder
}

#[test]
fn photos_come_by_ascending_id_with_their_boxes() {
    let folder = official(INSTANCES);
    // What else there is in the official archives.
    folder.write("annotations/instances_train2017.json", b"{}");
    folder.write("annotations/captions_val2017.json", b"{}");
    let data_set = folder.open(TASK);
    assert_eq!(data_set.categories(), [1, 90]);
    assert_eq!((data_set.facts().examples, data_set.facts().labels), (3, Some(2)));
    let examples = good(&data_set);
    assert_eq!(ids(&examples), ["2.jpg", "5.jpg", "9.jpg"]);
    assert_eq!(image(&examples[2]), b"nine");
    assert_eq!(examples[1].truth, Truth::Boxes(Vec::new()), "a photo without boxes counts");
    let thing = TruthBox { category: 90, bbox: [1.0, 2.0, 3.5, 4.0], area: 7.25, crowd: false };
    let crowd = TruthBox { category: 1, bbox: [0.0, 0.0, 5.0, 5.0], area: 20.0, crowd: true };
    assert_eq!(examples[2].truth, Truth::Boxes(vec![thing, crowd]));
}

#[test]
fn photos_are_found_in_every_usual_place() {
    for (annotations, prefix) in [
        ("annotations/instances_val2017.json", "val2017/"),
        ("instances_val2017.json", "val2017/"),
        ("coco/annotations/instances_val2017.json", "coco/images/val2017/"),
        ("annotations.json", "images/"),
        ("annotations/instances_val.json", ""),
        ("valid/_annotations.coco.json", "valid/"),
    ] {
        let folder = Folder::one(annotations, INSTANCES);
        for (name, bytes) in photos() {
            folder.write(&name.replace("val2017/", prefix), bytes);
        }
        assert_eq!(good(&folder.open(TASK)).len(), 3, "{annotations}");
        assert_eq!(good(&DataSet::open(&folder.at(annotations), TASK).expect(annotations)).len(), 3, "{annotations}");
    }
}

#[test]
fn annotations_that_no_metric_can_use_make_their_photo_bad() {
    for (from, to, why) in [
        ("\"area\": 7.25, ", "", "image id 9: annotation 1 has no `area`"),
        ("\"area\": 7.25", "\"area\": -7.25", "negative `area`"),
        ("3.5, 4]", "3.5]", "`bbox` of 3 numbers"),
        ("3.5, 4]", "-3.5, 4]", "negative size"),
        ("\"category_id\": 90", "\"category_id\": 91", "category 91, which the file does not list"),
    ] {
        let folder = official(&INSTANCES.replace(from, to));
        let [bad] = bad(&folder.open(TASK)).try_into().expect(why);
        assert_eq!((bad.index, bad.id.as_str()), (2, "9.jpg"));
        assert!(bad.why.contains(why), "{}", bad.why);
    }
    let folder = official(INSTANCES);
    std::fs::remove_file(folder.at("val2017/5.jpg")).expect("removed");
    let [bad] = bad(&folder.open(TASK)).try_into().expect("one");
    assert!(bad.id == "5.jpg" && bad.why.contains("no such file"), "{bad:?}");
}

#[test]
fn other_documents_are_refused() {
    for (instances, expected) in [
        ("{", "is not COCO's annotations"),
        ("[{\"image_id\": 1}]", "is not COCO's annotations"),
        (r#"{"images": [], "annotations": [], "categories": []}"#, "has no examples"),
        (&INSTANCES.replace("\"id\": 5", "\"id\": 9"), "the image id 9 twice: for `9.jpg` and for `5.jpg`"),
        (&INSTANCES.replace(".jpg", ".png"), "none of the 3 images"),
    ] {
        let message = official(instances).refused(TASK);
        assert!(message.contains(expected), "{message}");
    }
    assert!(Folder::new(&photos()).refused(TASK).contains("looked for `annotations/instances_*.json`"));
    let two = official(INSTANCES);
    two.write("instances_val2014.json", INSTANCES.as_bytes());
    assert!(two.refused(TASK).contains("several"));
    assert_eq!(good(&DataSet::open(&two.at("annotations/instances_val2017.json"), TASK).expect("named")).len(), 3);
    assert!(refused(&two.at("instances_val2018.json"), TASK).contains("cannot read"));
}
