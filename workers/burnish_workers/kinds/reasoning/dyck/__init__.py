"""Dyck-2 completion: close all brackets that a prompt has left open, each by its own kind, within 16 characters."""
