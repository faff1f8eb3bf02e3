"""Which tables a report holds, one file a kind: findings and frames in, tables out."""
