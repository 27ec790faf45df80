"""PowerPoint's own shapes: a placed scene as shapes, connectors and groups that one can edit, in PresentationML.

Each element is one piece of XML, spelled by a function of its own (ECMA-376, parts 1 and 4); python-pptx keeps the
package around them.
"""
