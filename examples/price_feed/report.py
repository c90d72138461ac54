"""Report the states of the jobs of a data set."""

from __future__ import annotations

from collections import Counter

import boto3

dataexchange = boto3.client("dataexchange")


def ends(data_set_id: str) -> Counter[str]:
    """Return the number of jobs of the data set in each state, over all pages."""
    pages = dataexchange.get_paginator("list_jobs").paginate(DataSetId=data_set_id, PaginationConfig={"PageSize": 25})
    return Counter(job["State"] for page in pages for job in page["Jobs"])
