"""What an operator's alarms read."""

from prometheus_client.parser import text_string_to_metric_families

from tests.integration.shops import Shop


def test_uploads_are_counted_by_state(untouched: Shop) -> None:
    families = text_string_to_metric_families(untouched.client.get("/metrics").text)
    counted = {
        sample.labels["state"]: sample.value
        for one in families
        if one.name == "vitrine_uploads"
        for sample in one.samples
    }
    assert set(counted) == {"accepted", "fetched", "encoded", "indexed", "superseded", "dead"}
    assert counted["indexed"] >= 1
    assert counted["dead"] == 0
