//! The wire contract as text, snapshotted: a change that breaks a client is seen in the diff. Numbers are never reused.

use std::fmt::Write as _;

use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorSet, ServiceDescriptorProto, field_descriptor_proto::Label,
};

#[test]
fn the_contract_changes_only_on_purpose() {
    let files = FileDescriptorSet::decode(furlong_proto::DESCRIPTORS).expect("our own descriptors");
    let mut contract = String::new();
    for file in &files.file {
        writeln!(contract, "# {}", file.name()).expect("a string");
        file.message_type.iter().for_each(|message| write_message(&mut contract, message));
        file.enum_type.iter().for_each(|kind| write_enum(&mut contract, kind));
        file.service.iter().for_each(|service| write_service(&mut contract, service));
    }
    insta::assert_snapshot!(contract);
}

fn write_message(contract: &mut String, message: &DescriptorProto) {
    for field in &message.field {
        let kind = match field.type_name() {
            "" => field.r#type().as_str_name().trim_start_matches("TYPE_").to_lowercase(),
            name => name.trim_start_matches(".furlong.v1.").to_owned(),
        };
        let label = if field.label() == Label::Repeated { "repeated " } else { "" };
        let presence = if field.proto3_optional() { "optional " } else { "" };
        let (owner, name, number) = (message.name(), field.name(), field.number());
        writeln!(contract, "{owner}.{name} {number} {presence}{label}{kind}").expect("a string");
    }
    for range in &message.reserved_range {
        // The descriptor's end is exclusive.
        let (owner, first, last) = (message.name(), range.start(), range.end() - 1);
        writeln!(contract, "{owner} reserves {first} to {last}").expect("a string");
    }
    message.nested_type.iter().for_each(|nested| write_message(contract, nested));
}

fn write_enum(contract: &mut String, kind: &EnumDescriptorProto) {
    for value in &kind.value {
        writeln!(contract, "{}.{} {}", kind.name(), value.name(), value.number()).expect("a string");
    }
}

fn write_service(contract: &mut String, service: &ServiceDescriptorProto) {
    for method in &service.method {
        let side = |streams: bool, name: &str| {
            format!("{}{}", if streams { "stream " } else { "" }, name.trim_start_matches(".furlong.v1."))
        };
        let input = side(method.client_streaming(), method.input_type());
        let output = side(method.server_streaming(), method.output_type());
        writeln!(contract, "{}.{} ({input}) -> ({output})", service.name(), method.name()).expect("a string");
    }
}
