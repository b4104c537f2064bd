"""fanout.py: what bench/fanout.lua does, with the official Python client and a thread for each cluster."""
from concurrent.futures import ThreadPoolExecutor
from kubernetes import client, config


def namespaces(context):
    api = client.CoreV1Api(config.new_client_from_config(context=context))
    return context, [item.metadata.name for item in api.list_namespace().items]


names = [context["name"] for context in config.list_kube_config_contexts()[0]]
with ThreadPoolExecutor(len(names)) as pool:
    for context, found in pool.map(namespaces, names):
        for name in found:
            print(context, name)
