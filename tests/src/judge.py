"""Reads resources, one a line, and answers a line for each: what fhir.resources says is wrong with it, as a JSON list."""
import json
import sys

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

for line in sys.stdin:
    resource = json.loads(line)
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        faults = []
    except ValidationError as error:
        # Where and why, and not what stands there.
        faults = [".".join(map(str, fault["loc"])) + ": " + fault["msg"] for fault in error.errors()]
    print(json.dumps(faults), flush=True)
