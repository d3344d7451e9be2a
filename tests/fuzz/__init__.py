"""Damaged and hostile inputs, made from sound ones: each ends in an answer or in one sentence."""
