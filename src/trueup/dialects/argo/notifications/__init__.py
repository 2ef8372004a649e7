"""Argo CD's notifications: its ConfigMap, annotations and what it remembers, read; and which messages follow from them.

Reading and deciding are pure (`configuration`, `subscriptions`, `remembered`, `catalogue`, `composing`); `notification`
brings an Application's reports together with them and does its I/O through ports.
"""
