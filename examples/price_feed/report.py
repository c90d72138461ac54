"""Say how the jobs of a data set have ended."""

from __future__ import annotations

from collections import Counter

import boto3

dataexchange = boto3.client("dataexchange")


def ends(data_set_id: str) -> Counter[str]:
    """How many jobs of the data set are in which state, over all pages."""
    pages = dataexchange.get_paginator("list_jobs").paginate(
        DataSetId=data_set_id, PaginationConfig={"PageSize": 25}
    )
    return Counter(job["State"] for page in pages for job in page["Jobs"])
