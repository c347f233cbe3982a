"""Calls AWS's own client as each line of standard input asks, and prints what came of it.

A line: {"service", "endpoint", "key": [id, secret, token or null], "call", "with"}. What is printed:
{"answer", "faults"}, the faults being where the answer is not what botocore's model of the service
says, or {"error", "class", "message", "status"}.
"""

import base64
import json
import re
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator


def client(ask):
    key_id, secret, token = ask["key"]
    return boto3.client(
        ask["service"],
        endpoint_url=ask["endpoint"],
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}),
    )


def faults(shape, value, place):
    """Where a value is out of its shape's pattern or enumeration, which the validator passes by."""
    if shape.type_name == "structure":
        for name, inside in value.items():
            if name in shape.members:
                yield from faults(shape.members[name], inside, f"{place}.{name}")
            elif name != "ResponseMetadata":
                yield f"{place}.{name} is not in the model"
    elif shape.type_name == "list":
        for inside in value:
            yield from faults(shape.member, inside, f"{place}[]")
    elif shape.type_name == "string":
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            yield f"{place} is out of its pattern"
        if shape.metadata.get("enum") and value not in shape.metadata["enum"]:
            yield f"{place} is none of its words"


def answer(ask):
    aws = client(ask)
    operation = aws.meta.service_model.operation_model(aws.meta.method_to_api_mapping[ask["call"]])
    try:
        told = getattr(aws, ask["call"])(**ask["with"])
    except ClientError as error:
        return {
            "error": error.response["Error"]["Code"],
            "class": type(error).__name__,
            "message": error.response["Error"]["Message"],
            "status": error.response["ResponseMetadata"]["HTTPStatusCode"],
        }
    found, shape = [], operation.output_shape
    if shape is not None:
        content = {name: value for name, value in told.items() if name != "ResponseMetadata"}
        # The client has read these texts already.
        for name, member in shape.members.items():
            if member.type_name == "string" and isinstance(content.get(name), dict):
                content[name] = json.dumps(content[name])
        report = ParamValidator().validate(content, shape)
        found = [report.generate_report()] if report.has_errors() else []
        found += faults(shape, content, operation.name)
    if not told["ResponseMetadata"].get("RequestId"):
        found.append("no RequestId")
    return {"answer": told, "faults": found}


def plain(value):
    """What JSON has no form for: bytes become base64, times their text."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line)), default=plain), flush=True)
