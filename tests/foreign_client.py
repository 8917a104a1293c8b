#!/usr/bin/env python3
"""Drives a coordinator with nothing but grpcio and server reflection: no file of Furlong's is needed.

usage: foreign_client.py HOST:PORT MODEL     (pip install grpcio grpcio-reflection)
"""

import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

address, model = sys.argv[1:]
channel = grpc.insecure_channel(address)
reflection = ProtoReflectionDescriptorDatabase(channel)
pool = DescriptorPool(reflection)


def call(service, method, **fields):
    """One unary call."""
    descriptor = pool.FindServiceByName(service).FindMethodByName(method)
    stub = channel.unary_unary(
        f"/{service}/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(descriptor.output_type).FromString,
    )
    return stub(GetMessageClass(descriptor.input_type)(**fields), timeout=30)


def watch(campaign):
    """Follows a campaign by the server's stream; answers it as it ended."""
    service, method = "furlong.v1.CampaignService", "WatchCampaign"
    descriptor = pool.FindServiceByName(service).FindMethodByName(method)
    stub = channel.unary_stream(
        f"/{service}/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(descriptor.output_type).FromString,
    )
    last = None
    for update in stub(GetMessageClass(descriptor.input_type)(id=campaign), timeout=120):
        last = update.campaign
    return last


print("services", *sorted(reflection.get_services()))
health = call("grpc.health.v1.Health", "Check")
print("health", "SERVING" if health.status == 1 else health.status)
for device in call("furlong.v1.DeviceService", "ListDevices").devices:
    print("device", device.name, device.facts.cpu_model)

yaml = f"""
apiVersion: furlong/v1
kind: Campaign
name: from-python
defaults:
  input: {{ random: {{ seed: 1 }} }}
  measure: {{ min_queries: 64, min_duration: 100ms, repetitions: 1 }}
matrix:
  model: [{model}]
"""
submitted = call("furlong.v1.CampaignService", "SubmitCampaign", yaml=yaml, file_name="from-python.yaml", idempotency_key="python-1")
again = call("furlong.v1.CampaignService", "SubmitCampaign", yaml=yaml, file_name="from-python.yaml", idempotency_key="python-1")
assert again.existed and again.campaign.id == submitted.campaign.id, "the idempotency key was not honoured"
ended = watch(submitted.campaign.id)
print(f"campaign {ended.id} done: {ended.runs.done} of {ended.runs.total} runs")
