"""The schemas of what stands around a content: contribution, receipt, event, changed plan."""
