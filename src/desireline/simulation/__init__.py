"""Simulated users: a program that searches and clicks, so that learning can be watched and judged.

An ordinary client of the public API (`desireline.client`) that anybody could have written; it
reports to a task and ends when that is cancelled. Knows nothing of the server's insides.
"""
