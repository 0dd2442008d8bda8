"""Runs in the vendor client's own environment: every public method of its own client, once.

`python sdk_methods.py BASE_URL COLLECTION` prints, by method, what came back: `{"answer": …}` or
`{"status", "type", "code", "hint"}`; a method that nobody calls here is `{"uncalled": true}`.
"""

import inspect
import json
import sys
import uuid

from mixpeek import Mixpeek
from mixpeek._client.client import MixpeekAPIError

TEXT = "mixpeek://text_extractor@v1/multilingual_e5_large_instruct_v1"
IMAGE = "mixpeek://multimodal_extractor@v1/vertex_multimodal_embedding"
QUERY = {"query": "wireless earbuds"}


def methods(client):
    """Name to bound method, of the client and of every resource below it."""
    found = {}

    def collect(prefix, thing):
        for name, _ in inspect.getmembers(type(thing), inspect.isfunction):
            if not name.startswith("_"):
                found[f"{prefix}{name}"] = getattr(thing, name)
        for name, below in vars(thing).items():
            if type(below).__module__.endswith("_client.resources") and not name.startswith("_"):
                collect(f"{prefix}{name}.", below)

    collect("", client)
    return found


def a_stage():
    searches = [
        {"feature_uri": uri, "query": "{{INPUT.query}}", "top_k": 50} for uri in (TEXT, IMAGE)
    ]
    parameters = {"searches": searches, "final_top_k": 10, "fusion": "learned"}
    return {"config": {"stage_id": "feature_search", "parameters": parameters}}


def a_name(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


class Story:
    """What the calls stand on: a retriever that was run, an interaction, a namespace, a task."""

    def __init__(self, url, collection):
        self.client = Mixpeek(api_key="your-api-key", base_url=url)
        self.collection = collection
        self.retriever = self.client.retrievers.create(
            name=a_name("sdk"), collection_identifiers=[collection], stages=[a_stage()]
        ).retriever_id
        self.found = self.client.retrievers.execute(self.retriever, inputs=QUERY)
        self.interaction = self.client.retrievers.create_interaction_from_result(
            self.found, position=0, user_id="u1"
        ).interaction_id
        configs = [{"name": "sdk_4", "dimension": 4}]
        self.namespace = a_name("vectors")
        self.client.namespaces.create(namespace_id=self.namespace, vector_configs=configs)
        announced = {"task_type": "import", "total": 3, "unit": "documents"}
        self.task = self.client._request("POST", "/tasks", body=announced).task_id
        self.client._request("POST", "/admin/flush")

    def spare(self, kind):
        """Something of its own to delete."""
        if kind == "collection":
            return self.client.collections.create(name=a_name("spare")).collection_id
        if kind == "namespace":
            return self.client.namespaces.create(name=a_name("spare")).namespace_id
        return self.client.retrievers.create(name=a_name("spare"), stages=[a_stage()]).retriever_id

    def arguments(self):
        """Method to (positional, keyword) arguments, in the order of calls."""
        return {
            **self.of_corpus(), **self.of_retrievers(), **self.of_learning(), **self.of_the_rest(),
        }  # fmt: skip

    def of_corpus(self):
        cid = self.collection
        vector = {"document_id": "v1", "vectors": {"sdk_4": [1.0, 0.0, 0.0, 0.0]}}
        return {
            "namespaces.create": ((), {"name": a_name("managed")}),
            "namespaces.documents.upsert": (
                (),
                {"namespace_id": self.namespace, "documents": [vector]},
            ),
            "namespaces.list": ((), {}),
            "namespaces.get": ((self.namespace,), {}),
            "namespaces.clone": ((self.namespace,), {"name": "copy"}),
            "namespaces.promote": ((self.namespace,), {}),
            "namespaces.delete": ((self.spare("namespace"),), {}),
            "collections.create": ((), {"name": a_name("made")}),
            "collections.list": ((), {}),
            "collections.get": ((cid,), {}),
            "collections.update": ((cid, {"description": "new"}), {}),
            "collections.clone": ((cid,), {"name": "copy"}),
            "collections.trigger": ((cid,), {}),
            "collections.delete": ((self.spare("collection"),), {}),
            "documents.list": ((cid,), {"page_size": 2}),
            "documents.get": ((cid, "d03"), {}),
            "documents.update": ((cid, "d03"), {"update_data": {"colour": "red"}}),
            "documents.batch_update": (
                (cid,),
                {"updates": [{"document_id": "d04", "colour": "red"}]},
            ),
            "documents.search": ((), {"collection_ids": [cid], "query": "wireless"}),
            "documents.delete": ((cid, "d29"), {}),
            "search": (("wireless",), {"collection": cid, "filters": {"colour": "red"}}),
            "index": (("s3://bucket/film.mp4",), {"collection": cid}),
        }

    def of_retrievers(self):
        rid = self.retriever
        row = {"feature_id": "d01", "interaction_type": ["click"], "position": 1}
        return {
            "retrievers.list": ((), {}),
            "retrievers.get": ((rid,), {}),
            "retrievers.create": ((), {"name": a_name("made"), "stages": [a_stage()]}),
            "retrievers.update": ((rid,), {"description": "new"}),
            "retrievers.execute": ((rid,), {"inputs": QUERY}),
            "retrievers.run": ((rid,), {"inputs": QUERY}),
            "retrievers.execute_batch": ((rid,), {"queries": [QUERY, {"query": "sound"}]}),
            "retrievers.clone": ((rid,), {"name": a_name("clone")}),
            "retrievers.publish": ((rid,), {"display_name": "Shop", "public_name": a_name("pub")}),
            "retrievers.run_evaluation": ((rid,), {"dataset_name": "golden"}),
            "retrievers.create_interaction": ((), row),
            "retrievers.create_interaction_from_result": (
                (self.found,),
                {"position": 1, "user_id": "u2"},
            ),
            "retrievers.backfill_interactions": (
                ([{**row, "retriever_id": rid, "occurred_at": "2026-10-01T10:00:00Z"}],),
                {},
            ),
        }

    def of_learning(self):
        rid, user = self.retriever, {"user_id": "u1"}
        return {
            "retrievers.disable_learned_fusion": ((rid,), {}),
            "retrievers.enable_learned_fusion": ((rid,), {}),
            "retrievers.set_rollout": ((rid,), {"rollout_pct": 10}),
            "retrievers.opt_out_user": ((rid,), user),
            "retrievers.opt_in_user": ((rid,), user),
            "retrievers.reset_user": ((rid,), user),
            "retrievers.get_weights": ((rid,), {}),
            "retrievers.get_user_weights": ((rid,), user),
            "retrievers.get_stats": ((rid,), {}),
            "retrievers.get_activity": ((rid,), {}),
            "retrievers.list_interactions": ((rid,), {"page": 1, "page_size": 5}),
            "retrievers.get_interaction": ((self.interaction,), {}),
            "retrievers.delete_interaction": ((self.interaction,), {}),
            "retrievers.delete": ((self.spare("retriever"),), {}),
        }

    def of_the_rest(self):
        rid, dataset = self.retriever, {"dataset_name": "golden"}
        return {
            "evaluations.create_dataset": ((), {**dataset, "queries": [{"query_id": "q1"}]}),
            "evaluations.list_datasets": ((), {}),
            "evaluations.get_dataset": (("golden",), {}),
            "evaluations.generate_from_interactions": ((rid,), {}),
            "evaluations.run": ((rid,), dataset),
            "evaluations.list": ((rid,), {}),
            "evaluations.get": ((rid, "eval_1"), {}),
            "tasks.list": ((), {}),
            "tasks.get": ((self.task,), {}),
            "tasks.delete": ((self.task,), {}),
            "buckets.list": ((), {}),
            "buckets.get": (("b1",), {}),
            "buckets.create": ((), {"name": "b1", "bucket_schema": {}}),
            "buckets.delete": (("b1",), {}),
            "buckets.upload": (("b1",), {"url": "s3://b/film.mp4", "blob_property": "video"}),
            "buckets.list_objects": (("b1",), {}),
            "batches.get": (("b1", "x"), {}),
            "batches.audit": (("b1", "x"), {}),
            "batches.failed_documents": (("b1", "x"), {"limit": 3}),
        }


def called(method, positional, named):
    try:
        return {"answer": method(*positional, **named)}
    except MixpeekAPIError as error:
        said = error.detail.get("error", {})
        return {
            "status": error.status, "type": said.get("type"), "code": said.get("code"),
            "hint": said.get("hint"), "retryable": (said.get("details") or {}).get("retryable"),
        }  # fmt: skip


def by_vector(story):
    """The second form of `search`: vectors of the caller, in a namespace of theirs."""
    query = {"vector_name": "sdk_4", "vector": [1.0, 0.0, 0.0, 0.0], "top_k": 3}
    given = {"namespace_id": story.namespace, "queries": [query]}
    return called(story.client.search, (), given)


def run(url, collection):
    story = Story(url, collection)
    known, seen = methods(story.client), {}
    for name, (positional, named) in story.arguments().items():
        if name in known:
            seen[name] = called(known[name], positional, named)
    seen["search (vectors)"] = by_vector(story)
    for name in known.keys() - seen.keys():
        seen[name] = {"uncalled": True}
    return seen


if __name__ == "__main__":
    json.dump(run(*sys.argv[1:3]), sys.stdout)
