"""Flows shown and proved: every edge walked, thresholds moved, drawn for people, compared, and translated. Pure."""
