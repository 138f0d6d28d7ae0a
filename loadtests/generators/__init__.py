"""Lets the processes of the load generator act as one, on one machine or on several.

Locust's master process tells each worker process its share of the screens, answers its questions for the time, and
receives its records.
"""
