"""What telephony does to whoever depends on it, case by case, and the test that shows each: the tests that are named exist.

A case is written in our own words; a test as `path below tests::name`. The vectors of segment counts and of signatures stand in the
tests themselves; here it is held that none of them is missing.
"""

from __future__ import annotations

import pytest

from tests.guards.source import ROOT
from tests.guards.test_safety_rules import names_in

CASES: dict[str, list[str]] = {
    # Texts in.
    "the same message twice, at once, or replayed has one effect": [
        "faults/test_inbound_webhooks.py::test_faults_1_and_2_of_10000_webhooks_none_is_lost_or_doubled_by_20_kills_or_by_coming_three_times",
        "actions/test_two_at_once.py::test_one_webhook_delivered_many_times_at_once_has_one_effect",
        "actions/test_receive_reply.py::test_a_repeated_webhook_changes_nothing_and_gets_the_same_answer",
        "faults/test_forged_webhooks.py::test_fault_26_a_captured_webhook_replayed_after_a_second_and_after_a_day_changes_nothing",
    ],
    "a picture without words, an empty text, spaces, emoji, wide digits, `1.`, 1,600 letters, a joined text": [
        "contract/test_texts_in.py::test_a_picture_without_words_and_an_empty_text_are_messages",
        "contract/test_texts_in.py::test_a_text_comes_in_as_it_was_typed",
        "actions/test_receive_reply.py::test_a_picture_without_words_is_seen_by_a_nurse",
        "actions/test_odd_texts.py::test_a_number_is_read_however_it_is_typed",
        "actions/test_odd_texts.py::test_a_text_without_a_word_is_no_answer_and_raises_nothing",
        "actions/test_odd_texts.py::test_danger_at_the_end_of_1600_letters_is_found",
    ],
    "two quick messages, a late answer, an answer to an older question": [
        "actions/test_odd_texts.py::test_two_quick_messages_answer_two_questions_in_their_order",
        "actions/test_late_answers.py::test_a_weight_an_hour_after_the_silence_is_put_to_its_question_and_raises_its_flags",
        "actions/test_late_answers.py::test_what_comes_too_late_or_answers_another_question_is_read_by_a_person",
    ],
    # Who speaks.
    "a signature that is wrong or missing": [
        "contract/test_texts_in.py::test_a_webhook_that_is_not_the_providers_is_refused_and_told_to_nobody",
        "contract/test_calls.py::test_a_step_and_a_status_that_are_not_signed_are_refused",
        "faults/test_forged_webhooks.py::test_fault_25_forged_webhooks_are_refused_each_and_leave_no_row",
        "story/test_refused_webhooks.py::test_wrong_missing_and_foreign_signatures_leave_no_row",
    ],
    "http and https behind a proxy": ["webhooks/test_routes.py::test_the_address_is_the_configured_one_whatever_a_proxy_says"],
    "a query in another order": [
        "webhooks/test_routes.py::test_a_query_is_signed_as_it_was_written",
        "webhooks/test_routes.py::test_a_reordered_query_is_refused",
    ],
    "JSON without the hash of its body": [
        "unit/telephony/test_twilio_receiver.py::test_json_without_its_hash_in_the_address_is_refused",
        "unit/telephony/test_signalwire.py::test_json_is_signed_with_its_body",
    ],
    "another account": [
        "contract/test_texts_in.py::test_another_account_of_the_provider_is_refused_though_signed",
        "unit/telephony/test_twilio_client.py::test_an_answer_of_another_account_is_not_believed",
    ],
    "an oversized body": [
        "contract/test_texts_in.py::test_a_body_that_is_too_large_is_refused",
        "webhooks/test_routes.py::test_a_body_that_unpacks_to_too_much_is_refused",
        "webhooks/test_routes.py::test_a_body_that_dribbles_is_cut_off",
    ],
    "one field of a replay swallows the next": [
        "unit/telephony/test_twilio_receiver.py::test_a_replay_in_which_one_field_swallows_the_next_is_no_new_message"
    ],
    # Words on texts.
    "a callback before the answer to the request": [
        "contract/test_texts_in.py::test_words_on_a_text_find_it_in_any_order_twice_and_before_the_answer",
        "actions/test_receive_delivery_statuses.py::test_a_callback_that_overtakes_the_answer_is_matched_by_our_attempt",
        "actions/test_receive_delivery_statuses.py::test_a_callback_without_our_attempt_is_parked_until_the_answer_arrives",
    ],
    "sent after delivered": ["actions/test_receive_delivery_statuses.py::test_whatever_the_order_a_text_only_moves_forward"],
    "two ends that contradict each other": [
        "actions/test_ask_about_texts.py::test_of_two_different_ends_the_provider_is_asked_which_one_holds"
    ],
    "an unknown text or status": ["contract/test_texts_in.py::test_an_unknown_status_and_an_unknown_text_are_answered_calmly"],
    # No more texts, please.
    "STOP in all its forms, also when the provider has answered it": [
        "faults/test_stop_words.py::test_40_spellings_of_stop_end_everything_but_one_confirmation",
        "faults/test_stop_words.py::test_what_the_carrier_has_answered_is_not_answered_again",
        "contract/test_texts_in.py::test_the_providers_own_answer_to_a_keyword_is_told",
    ],
    "STOP in free words, and in mid check-in": [
        "actions/test_odd_texts.py::test_stop_in_free_words_ends_texts",
        "actions/test_odd_texts.py::test_stop_in_the_middle_of_a_check_in_ends_it_and_no_question_follows",
        "actions/test_receive_reply.py::test_stop_with_a_red_flag_does_both_and_the_safety_text_is_the_confirmation",
    ],
    "START, and YES in both states": [
        "faults/test_stop_words.py::test_start_alone_restores_and_no_yes_ever_does",
        "faults/test_stop_words.py::test_a_yes_that_the_carrier_takes_for_start_still_answers_a_check_in",
    ],
    "HELP": ["faults/test_stop_words.py::test_help_is_answered_in_every_spelling_and_ends_nothing"],
    "the provider's block, at once and by callback": [
        "contract/test_texts_out.py::test_a_person_who_has_sent_stop_is_known_to_the_provider",
        "contract/test_texts_in.py::test_a_text_that_did_not_arrive_says_what_follows_from_it",
        "actions/test_whose_number.py::test_a_block_at_the_provider_ends_everything_like_a_stop",
    ],
    "no more calls, said or pressed": [
        "calls/test_check_in_by_call.py::test_key_9_ends_calls_once_it_is_confirmed",
        "calls/test_every_programme_spoken.py::test_no_more_calls_is_asked_back_and_then_ends",
    ],
    # Whose number.
    "a sender whom nobody knows": [
        "actions/test_receive_reply.py::test_an_unknown_sender_gets_one_neutral_answer_a_day_and_is_seen_by_a_nurse"
    ],
    "two patients on one phone": ["actions/test_receive_reply.py::test_two_patients_on_one_phone_are_asked_and_never_guessed"],
    "one patient with two phones": [
        "actions/test_whose_number.py::test_a_reply_from_either_phone_is_the_patients_and_a_stop_on_one_ends_both"
    ],
    "a number that somebody else has now": [
        "actions/test_whose_number.py::test_a_number_used_again_by_a_stranger_is_never_the_patients_and_danger_from_it_acts"
    ],
    "two machines that answer each other": ["actions/test_whose_number.py::test_two_machines_that_answer_each_other_come_to_an_end"],
    "a landline": [
        "contract/test_texts_out.py::test_a_refusal_says_what_follows_from_it",
        "actions/test_other_ways.py::test_a_landline_is_called_where_the_patient_agreed_to_calls",
        "actions/test_other_ways.py::test_a_landline_without_consent_to_calls_is_a_nurses_item",
    ],
    "a short code or a name as sender": [
        "actions/test_whose_number.py::test_short_codes_names_and_withheld_numbers_are_kept_and_never_answered"
    ],
    # Texts out.
    "a request that gets no answer": [
        "unit/telephony/test_twilio_client.py::test_a_timeout_is_an_unknown_outcome_that_the_list_resolves",
        "contract/test_texts_out.py::test_what_was_accepted_without_a_word_is_found_in_the_list_and_told_by_its_callback",
        "contract/test_texts_out.py::test_nobody_there_means_that_nothing_was_sent",
        "actions/test_sends_that_fail.py::test_an_unknown_outcome_is_not_sent_again",
    ],
    "429": ["contract/test_texts_out.py::test_too_many_requests_were_not_processed_and_say_when_to_come_again"],
    "5xx with a page of HTML": ["contract/test_texts_out.py::test_a_server_error_or_a_broken_line_is_an_unknown_outcome"],
    "401": ["contract/test_texts_out.py::test_wrong_credentials_are_a_matter_of_configuration"],
    "an error as RFC 9457 words it": ["unit/telephony/test_twilio_client.py::test_an_error_as_rfc_9457_words_it_means_the_same"],
    "the clock of the scheduler fires twice": ["actions/test_due_check_ins.py::test_several_nodes_start_each_check_in_once"],
    "the hour that is missing or comes twice when clocks change": [
        "actions/test_plan_check_ins.py::test_no_date_is_missed_or_doubled_across_clock_changes",
        "unit/domain/test_schedule.py::test_quiet_hours_hold_on_both_days_the_clock_changes",
    ],
    "quiet hours": ["actions/test_what_may_leave.py::test_quiet_hours_of_the_patients_place_hold_a_text_until_they_end"],
    "consent withdrawn between planning and sending": [
        "actions/test_what_may_leave.py::test_consent_is_judged_at_the_moment_of_sending",
        "calls/test_place_calls.py::test_consent_withdrawn_between_plan_and_call_keeps_the_phone_silent",
    ],
    "redaction too early": ["actions/test_redact_bodies.py::test_redaction_too_early_is_asked_for_again"],
    # Calls.
    "no answer, engaged, failed": ["contract/test_calls.py::test_a_call_that_reaches_nobody_says_why"],
    "no keys, a key that means nothing, only the key that ends input": [
        "contract/test_calls.py::test_silence_asks_the_same_address_with_nothing",
        "calls/test_odd_calls.py::test_a_key_that_means_nothing_is_asked_again_and_answers_nothing",
        "calls/test_odd_calls.py::test_only_the_key_that_ends_input_is_silence",
    ],
    "a transcript that is unsure, or does not say how sure": [
        "calls/test_check_in_by_call.py::test_words_that_were_not_heard_surely_are_read_back_first"
    ],
    "keys and words together": ["unit/telephony/test_twilio_voice.py::test_keys_win_over_words_that_come_with_them"],
    "hung up half-way": ["calls/test_check_in_by_call.py::test_hanging_up_half_way_keeps_and_judges_what_was_said"],
    "over before anything was asked": ["calls/test_odd_calls.py::test_a_call_that_ends_before_anything_was_asked_is_seen_by_a_nurse"],
    "a step that comes again, and an old one": [
        "calls/test_check_in_by_call.py::test_a_repeated_request_is_applied_once",
        "calls/test_odd_calls.py::test_a_step_that_is_over_hears_the_open_question_and_changes_nothing",
    ],
    "a machine after the beep, a machine at once, a fax, nobody knows": [
        "calls/test_check_in_by_call.py::test_a_machine_hears_the_clinic_and_its_number_only",
        "calls/test_check_in_by_call.py::test_a_fax_hears_nothing",
        "calls/test_machine_detection.py::test_a_machine_gets_the_neutral_voicemail_once",
        "contract/test_calls.py::test_who_has_picked_up_is_told_with_the_first_step",
    ],
    "the word on a machine after answers, and after the end": [
        "calls/test_machine_detection.py::test_a_machines_word_after_answers_interrupts_nobody",
        "calls/test_machine_detection.py::test_a_machines_word_after_the_end_changes_nothing",
        "contract/test_calls.py::test_who_has_picked_up_may_be_told_later_by_itself",
    ],
    "words on a call in any order": ["contract/test_calls.py::test_callbacks_in_any_order_move_a_call_only_forward"],
    "a patient calls back, and a caller without a number": [
        "calls/test_odd_calls.py::test_who_calls_our_number_hears_the_clinic_and_nothing_about_anybody",
        "calls/test_odd_calls.py::test_a_call_to_us_is_taken_with_two_fields_that_were_not_signed",
    ],
    "the fallback, also without a database": [
        "contract/test_calls.py::test_the_fallback_is_read_when_a_step_fails",
        "calls/test_odd_calls.py::test_a_step_is_a_503_while_the_database_is_gone_and_the_fallback_is_read_all_the_same",
    ],
    "two calls at once": ["calls/test_odd_calls.py::test_two_calls_at_once_do_not_hear_each_other"],
    "a red flag alerts exactly once": [
        "calls/test_odd_calls.py::test_a_red_flag_told_on_the_telephone_alerts_exactly_once_however_often_it_comes"
    ],
}

SIGNATURES = """
RSOYDt4T1cUTdK1PDd93/VVr8B8= Zmvh+3yNM1Phv2jhDCwEM3q5ebU= kvajT1Ptam85bY51eRf/AJRuM3w= 0ZXoZLH/DfblKGATFgpif+LLRf4=
a9nBmqA0ju/hNViExpshrM61xv4= y77kIzt2vzLz71DgmJGsen2scGs= Ldidvp12m26NI7eqEvxnEpkd9Hc= IK+Dwps556ElfBT0I3Rgjkr1wJU=
CukzLTc1tT5dXEDIHm/tKBanW10= 2YRLlVAflCqxaNicjMpJcSTgzSs= ZQFR1PTIZXF2MXB8ZnKCvnnA+rI= 83O6e2vORAoJHUNzJjDWN1jz+BA=
vOEb5UThFn24KEfnOFLQY2AE5FY= n2xBNyzSW7rfYStDtOFiFMv7qNo= 95+Bu0JVPi0r/SsESZCVf0dWAjw= NBdBDr/T/lgjI+tlgpXjKZQZs/k=
TfZzewPq8wqrGlMfyAud8+/IvJ0=
""".split()
SEGMENTS = [
    '("a" * 160, 1)',
    '("a" * 161, 2)',
    '("a" * 306, 2)',
    '("a" * 307, 3)',
    '("ж" * 70, 1)',
    '("ж" * 71, 2)',
    '("ж" * 134, 2)',
    '("ж" * 135, 3)',
    '("a" * 158 + "€", 1)',
    '("a" * 159 + "€", 2)',
    '("[" * 80, 1)',
    '("[" * 81, 2)',
    '("👍" * 35, 1)',
    '("👍" * 36, 2)',
    '("a" * 152 + "€" + "a" * 10, 2)',
]


@pytest.mark.parametrize("case", CASES)
def test_a_case_names_tests_that_exist(case: str) -> None:
    assert CASES[case], f"{case}: name a test"
    for named in CASES[case]:
        file, _, name = named.partition("::")
        path = ROOT / "tests" / file
        assert path.is_file(), f"{case}: there is no tests/{file}"
        assert name in names_in(path), f"{case}: tests/{file} has no {name}"


@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_published_signature_is_tried(signature: str) -> None:
    assert f'"{signature}"' in (ROOT / "tests/unit/telephony/test_twilio_signature.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("vector", SEGMENTS)
def test_a_published_count_of_segments_is_tried(vector: str) -> None:
    assert vector in (ROOT / "tests/unit/domain/test_segments.py").read_text(encoding="utf-8")
