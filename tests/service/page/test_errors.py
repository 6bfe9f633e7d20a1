"""What goes wrong is said as a sentence where it arose, and nothing typed is lost."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.service.page.conftest import Opens, Watched, allow
from tests.service.page.fake_api import FakeApi, is_cloze, refusal


def test_a_refusal_is_a_sentence_in_its_panel(open_page: Opens, api: FakeApi, watched: list[Watched]) -> None:
    page = open_page(api=api)
    allow(watched, "422")
    page.fill("#text", "No blank here.")
    for place in (0, 1):
        expect(page.locator(f"#error-{place}")).to_have_text("The text has no blank; write ___.")
        expect(page.locator(f"#answer-{place}")).to_be_hidden()
    page.fill("#text", "A blank ___ here.")
    expect(page.locator("#error-0")).to_have_text("")
    expect(page.locator("#answer-0")).to_be_visible()


def test_refused_evidence_leaves_the_rest_standing(open_page: Opens, api: FakeApi, watched: list[Watched]) -> None:
    api.refused_fields["evidence"] = refusal("no evidence today", param="evidence")
    page = open_page(api=api)
    allow(watched, "400")
    expect(page.locator("#evidence-error")).to_have_text("No evidence today.")
    expect(page.locator("#map td").first).to_be_visible()
    expect(page.locator("#belief")).to_be_visible()


def test_a_part_that_is_not_built_is_asked_for_once(open_page: Opens, api: FakeApi, watched: list[Watched]) -> None:
    api.failures["/v1/belief"] = (
        501,
        refusal("not built yet", "not_built_yet"),
    )
    page = open_page(api=api)
    allow(watched, "501")
    expect(page.locator("#belief-error")).to_have_text("Not built yet.")
    expect(page.locator("#belief")).to_be_hidden()
    n_asked = len(api.asked_of("/v1/belief"))
    page.fill("#text", "Tom said ___ left.")
    expect(page.locator("#said-1")).to_have_text("Tom said he left.")
    page.wait_for_timeout(100)
    assert len(api.asked_of("/v1/belief")) == n_asked


def test_a_refused_clamp_is_told_beside_the_clamps(open_page: Opens, api: FakeApi, watched: list[Watched]) -> None:
    api.refused_fields["interventions"] = refusal("interventions[0]: there is no token 99", param="interventions[0]")
    other = "edit=layer0.forward.update_gate:3:1-1:set%3D0@absent"
    edit = "edit=layer0.forward.forget_gate:3:99-99:set%3D0@a-lstm"
    page = open_page(f"#text=Mary+said+___+left.&{other}&{edit}", api=api)
    allow(watched, "400")
    expect(page.locator("#edit-error")).to_have_text("Clamp 2: there is no token 99.")
    expect(page.locator("#said-0")).to_have_text("Mary said she left.")
    page.locator("#edit-list button").nth(1).click()
    expect(page.locator("#edit-error")).to_have_text("")


def test_more_clamps_than_a_request_holds_can_be_undone(open_page: Opens, api: FakeApi, watched: list[Watched]) -> None:
    api.refused_fields["interventions"] = refusal("the body is larger than the limit", "body_too_large")
    api.refused_status = 413
    page = open_page("#text=Mary+said+___+left.&edit=layer0.forward.forget_gate:3:1-1:set%3D0@a-lstm", api=api)
    allow(watched, "413")
    expect(page.locator("#edit-error")).to_have_text(
        "The clamps are more than the service takes in one request. Undo some."
    )
    page.click("#clear")
    expect(page.locator("#edit-error")).to_have_text("")


def test_warnings_are_told_once_and_only_the_first_few(open_page: Opens, api: FakeApi) -> None:
    unknown = [f"'{letter}' is unknown to this model." for letter in "aabcdefgh"]
    api.warnings = [{"type": "unknown_piece", "start": 0, "end": 1, "message": message} for message in unknown]
    api.warnings.append({"type": "unknown_target", "start": 0, "end": 1, "message": "target 'x' means little."})
    page = open_page(api=api)
    expect(page.locator("#warnings-0 li")).to_have_text(
        ["target 'x' means little.", *unknown[1:5], "And 4 more like this."]
    )


def test_offline_is_said_and_the_answer_comes_afterwards(open_page: Opens, watched: list[Watched]) -> None:
    page = open_page()
    allow(watched, "ERR_INTERNET_DISCONNECTED")
    page.context.set_offline(True)
    page.fill("#text", "Tom said that ___ was late.")
    expect(page.locator("#notice")).to_contain_text("The service does not answer. Is it still running? Your sentence")
    expect(page.locator("#text")).to_have_value("Tom said that ___ was late.")
    expect(page.locator("#answer-0")).to_be_visible()  # the last one
    page.context.set_offline(False)
    expect(page.locator("#said-0")).to_have_text("Tom said that he was late.")
    expect(page.locator("#notice")).to_have_text("")


def test_models_that_are_still_loading_are_waited_for(open_page: Opens, api: FakeApi, watched: list[Watched]) -> None:
    api.failures["/v1/models"] = (
        503,
        refusal("the models are still being loaded", "not_ready"),
    )
    page = open_page(api=api, answered=False)
    allow(watched, "503")
    expect(page.locator("#notice")).to_contain_text("The models are still being loaded.")
    del api.failures["/v1/models"]
    expect(page.locator("#answer-0")).to_be_visible()


def test_a_slow_service_is_said(open_page: Opens, api: FakeApi) -> None:
    page = open_page(api=api)
    api.holds = is_cloze
    page.fill("#text", "Tom said ___ left.")
    expect(page.locator("#notice")).to_contain_text("The service is slow: waiting for")
    api.release()
    expect(page.locator("#notice")).to_have_text("")
    expect(page.locator("#said-0")).to_have_text("Tom said he left.")


def test_a_key_is_asked_for_where_one_is_needed(open_page: Opens, api: FakeApi, watched: list[Watched]) -> None:
    api.failures["/v1/cloze"] = (
        401,
        refusal("a key is needed", "invalid_api_key"),
    )
    page = open_page(api=api, answered=False)
    allow(watched, "401")
    expect(page.locator("#error-0")).to_have_text("A key is needed.")
    del api.failures["/v1/cloze"]
    with page.expect_request("**/v1/cloze") as asked:
        page.fill("#key", "secret")
    assert asked.value.headers["authorization"] == "Bearer secret"
    expect(page.locator("#answer-0")).to_be_visible()
    assert "secret" not in page.url
    assert "secret" not in page.evaluate("JSON.stringify({...localStorage})")
