"""What the second opinion says of a reply: how urgent it is, and each thing that it may tell, in the words of the label rules."""

from __future__ import annotations

RANKS = ("same_day", "urgent", "emergency")
"""The odds of that urgency or a higher one."""
STATUSES = ("taken", "missed", "partly", "unsure")
REASONS = ("forgot", "ran_out", "cost", "side_effect", "felt_better", "confused", "pharmacy", "refused", "other")
CRISES = ("self_harm", "violence", "medical")
REQUESTS = ("call_me", "refill", "appointment", "question", "human")
SYMPTOMS = tuple(
    """
    chest_pain shortness_of_breath orthopnea leg_swelling abdominal_swelling facial_swelling swelling weight_gain weight_loss
    dizziness fainting palpitations fatigue one_sided_weakness facial_droop slurred_speech confusion vision_changes headache cough
    sputum_change wheezing coughing_blood fever chills sweating nausea vomiting vomiting_blood diarrhea constipation
    abdominal_pain heartburn bloating blood_in_stool blood_in_urine bleeding vaginal_bleeding nosebleed bleeding_gums bruising
    wound_drainage wound_redness wound_pain wound_opening pain back_pain joint_pain muscle_pain muscle_cramps leg_pain leg_redness
    arm_pain jaw_pain neck_pain shoulder_pain knee_pain hip_pain flank_pain foot_pain hand_pain breast_pain pelvic_pain ear_pain
    tooth_pain eye_pain rash itching hives loss_of_appetite insomnia anxiety panic depressed_mood suicidal_ideation self_harm
    homicidal_ideation abuse overdose hallucinations cravings withdrawal relapse low_blood_sugar high_blood_sugar shakiness thirst
    frequent_urination painful_urination urinary_retention urinary_leakage numbness foot_sore dry_mouth sore_throat runny_nose
    congestion loss_of_smell mouth_sores fall injury seizure trouble_swallowing throat_swelling hair_loss jaundice
    skin_color_change chest_tightness drowsiness tremor low_blood_pressure dehydration
    """.split()
)
TOLD = (
    "opt_out",
    *(f"crisis:{name}" for name in CRISES),
    *(f"medication:{name}" for name in STATUSES),
    *(f"reason:{name}" for name in REASONS),
    *(f"request:{name}" for name in REQUESTS),
    *(f"symptom:{name}" for name in SYMPTOMS),
)
OUTPUTS = (*RANKS, *TOLD)
COUNTS = {"opt_out": 1.0, "crisis": 0.6, "medication": 0.8, "reason": 0.8, "request": 0.3, "symptom": 1.0}
"""How much a mistake in each kind of answer counts beside one in the urgency."""


def count(output: str) -> float:
    """How much a mistake in this answer counts."""
    return COUNTS.get(output.partition(":")[0], 1.0)
