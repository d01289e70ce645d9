"""The peer of riffle's plain copy: boto3 with threads copies the same objects by the same requests.

Usage: boto3_copy.py BUCKET SOURCE_PREFIX TARGET_PREFIX THREADS CHECKSUM(crc32|none)
Connection from AWS_*. Every object below the source prefix is read in ranges of 8 MiB and written with unsigned payloads,
in parts of 64 MiB where it is larger: the requests of riffle. Prints one JSON document: {"seconds", "bytes", "cpuSeconds"}.
"""

import json
import sys
import time
import zlib
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

RANGE_BYTES = 8 * 1024 * 1024
PART_BYTES = 64 * 1024 * 1024

bucket, source, target, threads, checksum = sys.argv[1:]
client = boto3.client(
    "s3",
    config=Config(
        s3={"addressing_style": "path", "payload_signing_enabled": False},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=int(threads) * 2,
    ),
)


def copy(listed):
    key, length = listed["Key"], listed["Size"]
    body = bytearray(length)
    for start in range(0, length, RANGE_BYTES):
        end = min(start + RANGE_BYTES, length)
        answer = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}", IfMatch=listed["ETag"])
        view, filled = memoryview(body)[start:end], 0
        while filled < len(view):
            count = answer["Body"].readinto(view[filled:])
            if not count:
                raise RuntimeError(f"{key} broke off at byte {start + filled}")
            filled += count
        answer["Body"].close()
    place = {"Bucket": bucket, "Key": target + key[len(source) :]}
    parts = [memoryview(body)[start : start + PART_BYTES] for start in range(0, length, PART_BYTES)]
    if len(parts) == 1:
        client.put_object(**place, Body=body, **proof(body))
        return length
    algorithm = {"ChecksumAlgorithm": "CRC32"} if checksum == "crc32" else {}
    upload = client.create_multipart_upload(**place, **algorithm)["UploadId"]
    done = []
    for number, part in enumerate(parts, 1):
        sums = proof(part)
        sent = client.upload_part(**place, UploadId=upload, PartNumber=number, Body=bytes(part), **sums)
        done.append({"PartNumber": number, "ETag": sent["ETag"], **sums})
    client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": done})
    return length


def proof(data):
    if checksum != "crc32":
        return {}
    return {"ChecksumCRC32": b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()}


objects = [
    listed
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=source)
    for listed in page.get("Contents", [])
]
begun, cpu = time.perf_counter(), time.process_time()
with ThreadPoolExecutor(int(threads)) as pool:
    total = sum(pool.map(copy, objects))
print(json.dumps({"seconds": time.perf_counter() - begun, "bytes": total, "cpuSeconds": time.process_time() - cpu}))
