"""What export does: snapshots, exports, and the read model anew."""
